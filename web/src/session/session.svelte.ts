/** One image being annotated. {@link AnnotationSession} says what the page relies on; the stage and its tools use the rest. */

import { type KeptDraft, NO_DRAFT } from "../core/draft.ts";
import type { ImagePoint } from "../core/geometry.ts";
import { History } from "../core/history.ts";
import type { Region } from "../core/region.ts";
import { contains } from "../core/rle.ts";
import { Decodes } from "./decodes.svelte.ts";
import * as edit from "./document.ts";
import { Drawing } from "./drawing.svelte.ts";
import { isHandTool, MaskEditor, type MaskHost } from "./mask-editor.svelte.ts";
import { WorkClock } from "./pace.ts";
import { reshapeInBackground } from "./reshaper.ts";
import { StrokeKeeper } from "./stroke-keeper.ts";
import type {
  Annotation,
  AnnotationSession,
  AnnotationView,
  Notice,
  Operation,
  SessionCategory,
  SessionImage,
  SessionOptions,
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
    this.startWith(edit.withDraft({ annotations }, draft ? { ...draft, startedAt } : NO_DRAFT));
  }

  close(): void {
    this.strokes.stop();
    this.image = null;
    this.decodes.open(null);
    this.views.reset();
    this.startWith(edit.openDocument([]));
  }

  lookAt(region: Region | null): void {
    this.decodes.lookAt(region);
    this.draftRegion = region;
    if (this.drawing) this.record([]);
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
    if (uid !== this.selectedUid) this.handWork.begin();
    this.views.selectedUid = uid;
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
      if (this.drawing) this.record([]);
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
    this.select(edit.findAnnotation(document, selected)?.uid ?? null);
    this.record(operations);
    this.decodes.ask(document.prompts);
  }

  private record(operations: readonly Operation[], document = this.document): void {
    if (!this.image) return;
    this.strokes.superseded();
    const drawn = edit.keptDraft(document, this.categoryId, this.draftRegion);
    if (!drawn) this.draftRegion = this.region;
    const startedAt = drawn?.startedAt == null ? null : this.clock.toWall(drawn.startedAt);
    const draft = drawn && { ...drawn, startedAt };
    this.options.record(this.image.id, operations.map(edit.asPlainData), draft);
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
