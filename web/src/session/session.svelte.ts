/** One image being annotated. {@link AnnotationSession} says what the page relies on; the stage and its tools use the rest. */

import { isDrawn, type KeptDraft, type KeptOutline, NO_DRAFT } from "../core/draft.ts";
import type { ImagePoint } from "../core/geometry.ts";
import { History } from "../core/history.ts";
import type { Region } from "../core/region.ts";
import { contains } from "../core/rle.ts";
import type { AnnotationSession, SessionOptions } from "./annotation-session.ts";
import { Decodes } from "./decodes.svelte.ts";
import * as edit from "./document.ts";
import { Drawing } from "./drawing.svelte.ts";
import { MaskEditor } from "./mask-editor.svelte.ts";
import { isHandTool, type MaskHost } from "./mask-target.ts";
import { WorkClock } from "./pace.ts";
import { reshapeInBackground } from "./reshaper.ts";
import { StrokeKeeper } from "./stroke-keeper.ts";
import type {
  Annotation,
  AnnotationView,
  Notice,
  Operation,
  SessionCategory,
  SessionImage,
  ToolName,
} from "./types.ts";

export class Session extends Drawing implements AnnotationSession, MaskHost {
  readonly masks: MaskEditor;
  protected readonly decodes: Decodes;
  private readonly strokes: StrokeKeeper;
  /** What the object being drawn is seen in, or was when it was kept. */
  private draftRegion: Region | null = null;
  private knowsCategories = false;

  constructor(private readonly options: SessionOptions) {
    super(options.decoder, options.clock ?? new WorkClock());
    this.decodes = new Decodes(
      options.decoder,
      () => this.answered(),
      (error) => this.complain(error instanceof Error ? error.message : String(error)),
      () => options.onOutside?.(),
    );
    this.masks = new MaskEditor(this, options.reshape ?? reshapeInBackground);
    this.strokes = new StrokeKeeper(
      () => this.masks.progress,
      (underWay) => (underWay ? this.keepStroke() : this.record([])),
    );
  }

  open(image: SessionImage, annotations: readonly Annotation[], draft: KeptDraft | null = null): void {
    this.image = image;
    this.decodes.open(image);
    this.views.reset();
    if (draft) this.resumeCategory(draft.categoryId);
    this.draftRegion = draft?.region ?? null;
    const startedAt = draft?.startedAt == null ? null : this.clock.fromWall(draft.startedAt);
    const drawn = draft && isDrawn(draft) ? { ...draft, startedAt } : null;
    this.resumeOutline(draft?.outline ?? null, drawn ? null : startedAt);
    this.startWith(edit.withDraft({ annotations }, drawn ?? NO_DRAFT));
  }

  close(): void {
    this.strokes.stop();
    this.image = null;
    this.decodes.open(null);
    this.views.reset();
    this.masks.outline = null;
    this.startWith(edit.openDocument([]));
  }

  lookAt(region: Region | null): void {
    this.decodes.lookAt(region);
    this.draftRegion = region;
    if (this.unfinished) this.record([]);
  }

  override working(underWay: boolean): void {
    super.working(underWay);
    this.strokes.watch(underWay);
  }

  embeddingReady(): void {
    this.decodes.retry();
  }

  replaceAnnotations(annotations: readonly Annotation[]): void {
    this.startWith(edit.withDraft({ annotations }, this.document));
  }

  setCategories(categories: readonly SessionCategory[]): void {
    this.views.categories = categories;
    this.knowsCategories = true;
    if (this.hasCategory(this.categoryId)) return;
    if (this.drawing && this.categoryId !== null) this.tellCategoryIsGone();
    this.categoryId = categories[0]?.id ?? null;
  }

  select(uid: string | null): void {
    this.turnTo(uid);
    if (this.masks.outline) this.record([]); // that is what it would change now
  }

  setColouring(colouring: "category" | "instance"): void {
    this.views.colouring = colouring;
  }

  setHidden(uid: string, hidden: boolean): void {
    this.views.setHidden(uid, hidden);
  }

  setLocked(uid: string, locked: boolean): void {
    this.views.setLocked(uid, locked);
  }

  setTool(tool: ToolName): void {
    this.masks.cancel();
    if (tool !== this.tool) this.masks.sketch([], false);
    if (isHandTool(tool) !== isHandTool(this.tool)) this.handWork.begin();
    this.tool = tool;
    this.hover(null);
  }

  setPeeking(peeking: boolean): void {
    this.peeking = peeking;
  }

  chooseCategory(id: number | null): void {
    const uid = this.reopenedUid ?? (this.drawing ? null : this.selectedUid);
    const target = edit.findAnnotation(this.document, uid);
    if (!target) {
      this.categoryId = id;
      if (this.unfinished) this.record([]);
    } else if (target.category_id !== id && this.isFree(target.uid)) {
      this.commit(edit.setCategory(this.document, target.uid, id));
    }
  }

  remove(uid: string): void {
    if (edit.findAnnotation(this.document, uid) && this.isFree(uid))
      this.commit(edit.remove(this.document, uid));
  }

  /** Change saved annotations as objects.ts does, in one step; null means that there is nothing to do. */
  changeObjects(
    uids: readonly string[],
    change: (document: edit.Document) => edit.DocumentStep | null,
  ): boolean {
    if (!this.image || !uids.every((uid) => this.isFree(uid))) return false;
    const step = change(this.document);
    if (step) this.commit(step);
    return step !== null;
  }

  undo(): void {
    const step = this.history.toUndo;
    if (!step) return;
    this.history = this.history.undone();
    this.goTo(step.before, step.backward);
  }

  redo(): void {
    const step = this.history.toRedo;
    if (!step) return;
    this.history = this.history.redone();
    this.goTo(step.after, step.again);
  }

  /** The topmost visible annotation at a point of the image. */
  annotationAt([x, y]: ImagePoint): AnnotationView | null {
    return this.annotations.findLast((each) => !each.hidden && contains(each.segmentation, x, y)) ?? null;
  }

  commit(step: edit.DocumentStep): void {
    this.history = this.history.with(step);
    this.goTo(step.after, step.forward);
  }

  private goTo(document: edit.Document, operations: readonly Operation[]): void {
    if (document.prompts !== this.prompts) this.forgetEarly();
    this.masks.cancel();
    const drew = this.drawing;
    this.document = document;
    if (drew || this.drawing) this.handWork.begin(); // what is drawn counts for itself
    const selected = this.reopenedUid ?? (this.drawing ? null : this.selectedUid); // what is drawn is what keys act on
    this.turnTo(edit.findAnnotation(document, selected)?.uid ?? null);
    this.record(operations);
    this.decodes.ask(document.prompts);
  }

  private record(operations: readonly Operation[], document = this.document): void {
    if (!this.image) return;
    this.strokes.superseded();
    const { categoryId, draftRegion } = this;
    const outline = this.masks.keptOutline;
    const drawn = edit.keptDraft(document, { categoryId, region: draftRegion, outline });
    if (!drawn) this.draftRegion = this.region;
    const since = drawn?.startedAt ?? this.begunAt;
    const draft = drawn && { ...drawn, startedAt: since === null ? null : this.clock.toWall(since) };
    this.options.record(this.image.id, operations.map(edit.asPlainData), draft);
  }

  keepDraft(): void {
    this.record([]);
  }

  /** Whether something is kept as a draft. */
  private get unfinished(): boolean {
    return this.drawing || this.masks.outline !== null;
  }

  private turnTo(uid: string | null): void {
    if (uid !== this.selectedUid) this.handWork.begin();
    this.views.selectedUid = uid;
  }

  /** @param begunAt where its work does not belong to an object that is drawn */
  private resumeOutline(outline: KeptOutline | null, begunAt: number | null): void {
    this.masks.outline = outline;
    if (!outline) return;
    this.tool = "polygon";
    this.views.selectedUid = outline.uid;
    if (begunAt !== null) this.resumeWork(begunAt);
  }

  private keepStroke(): void {
    const made = this.masks.unfinished;
    if (made) this.record([], edit.unfinished(this.document, made.mask, made.uid, this.workedUntil()));
  }

  /** The category of a draft, unless it was deleted meanwhile. Which ones there are may be known only later. */
  private resumeCategory(id: number | null): void {
    const isGone = this.knowsCategories && id !== null && !this.hasCategory(id);
    if (isGone) this.tellCategoryIsGone();
    this.categoryId = isGone ? (this.categories[0]?.id ?? null) : id;
  }

  private hasCategory(id: number | null): boolean {
    return this.categories.some((category) => category.id === id);
  }

  private tellCategoryIsGone(): void {
    const message = "The category of what you were drawing was deleted. Check the one that it has now.";
    this.notify({ level: "error", message });
  }

  private startWith(document: edit.Document): void {
    this.history = History.empty();
    this.goTo(document, []);
  }

  notify(notice: Notice): void {
    this.options.notify?.(notice);
  }

  protected isFree(uid: string): boolean {
    const locked = this.isLocked(uid);
    if (locked) this.complain("This object is locked. Unlock it in the list to change it.");
    return !locked;
  }

  protected complain(message: string): void {
    this.notify({ level: "error", message });
  }
}

export function createSession(options: SessionOptions): Session {
  return new Session(options);
}
