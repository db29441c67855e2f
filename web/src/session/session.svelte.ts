/**
 * One image being annotated: its saved annotations, the object being drawn, and one undo history over all of it. A session is
 * made of parts that know their own matter; it opens images, hears what changed, and writes it down.
 */

import { isDrawn, type KeptDraft, type KeptOutline, NO_DRAFT } from "../core/draft.ts";
import { newUuid } from "../core/ids.ts";
import type { Region } from "../core/region.ts";
import type { Decoder } from "../decoder/decoder.ts";
import type { Manifest } from "../decoder/manifest.ts";
import { m } from "../texts/messages.ts";
import { AnnotationList } from "./annotation-list.svelte.ts";
import { Decodes } from "./decodes.svelte.ts";
import * as edit from "./document.ts";
import { DocumentStore } from "./document-store.svelte.ts";
import { Draft } from "./draft.svelte.ts";
import { Drawing, type DrawingHost } from "./drawing.ts";
import { EffortMeter } from "./effort-meter.ts";
import { MaskEditor } from "./mask-editor.svelte.ts";
import { isHandTool, type MaskHost } from "./mask-target.ts";
import { WorkClock } from "./pace.ts";
import { savedTidied } from "./provenance.ts";
import { type Reshaper, reshapeInBackground } from "./reshaper.ts";
import { Selection } from "./selection.svelte.ts";
import { StrokeKeeper } from "./stroke-keeper.ts";
import { Suggestions } from "./suggestions.svelte.ts";
import type {
  Annotation,
  Notice,
  Operation,
  OperationStep,
  SessionCategory,
  SessionImage,
  ToolName,
} from "./types.ts";
import { Viewpoint } from "./viewpoint.svelte.ts";

export interface SessionOptions {
  readonly decoder: Decoder;
  /**
   * Called at once, in order, for every step to be made durable as a whole: its operations, and the object being drawn as it
   * is afterwards. `step` is the one of the undo history that the operations belong to.
   */
  readonly record: (
    imageId: number,
    operations: readonly Operation[],
    draft: KeptDraft | null,
    step: OperationStep | null,
  ) => void;
  readonly notify?: (notice: Notice) => void;
  /** The decoder sees a region, and something outside of it is asked for. */
  readonly onOutside?: () => void;
  /** Another category was chosen for the next mask. */
  readonly onCategory?: (id: number | null) => void;
  /** Objects were removed; `undo` brings them back as long as that was the last thing done. */
  readonly onRemoved?: (count: number, undo: () => void) => void;
  /** Growing, shrinking and smoothing; by default in a worker where that takes long. */
  readonly reshape?: Reshaper;
  /** For people: why nothing can be changed; empty where it can, as without this. */
  readonly readOnly?: () => string;
  /** Measures the work; by default one that hears nothing. */
  readonly clock?: WorkClock;
}

export class Session implements DrawingHost, MaskHost {
  image = $state.raw<SessionImage | null>(null);
  tool = $state.raw<ToolName>("points");
  /** What the next accepted mask gets; null until somebody has chosen. */
  categoryId = $state.raw<number | null>(null);
  /** True while the image is shown without masks. */
  peeking = $state.raw(false);

  readonly store = new DocumentStore(
    (...change) => this.changed(...change),
    () => this.mayChange(),
  );
  readonly list = new AnnotationList(() => this.store.document.annotations);
  readonly viewpoint = new Viewpoint();
  readonly effort: EffortMeter;
  readonly selection: Selection;
  readonly draft: Draft;
  readonly drawing: Drawing;
  readonly masks: MaskEditor;
  readonly suggestions: Suggestions;
  private readonly decodes: Decodes;
  private readonly strokes: StrokeKeeper;
  private knowsCategories = false;

  constructor(private readonly options: SessionOptions) {
    this.effort = new EffortMeter(options.clock ?? new WorkClock(), () => this.store.document);
    this.selection = new Selection(
      () => this.effort.turn(),
      () => this.masks.outline && this.record([]), // that is what it would change now
    );
    this.decodes = new Decodes(
      options.decoder,
      this.viewpoint,
      () => this.drawing.answered(),
      (error) => this.complain(error instanceof Error ? error.message : String(error)),
      () => options.onOutside?.(),
      (prompts) => {
        const { document } = this.store;
        return savedTidied(edit.findAnnotation(document, document.reopenedUid)?.provenance ?? null, prompts);
      },
    );
    const session = this;
    this.draft = new Draft(this.store, this.decodes, this.list, {
      get image() {
        return session.image;
      },
      get model() {
        return session.model;
      },
      get categoryId() {
        return session.categoryId;
      },
      get isPainting() {
        return session.masks.isPainting;
      },
    });
    this.drawing = new Drawing(this, this.decodes);
    this.masks = new MaskEditor(this, options.reshape ?? reshapeInBackground);
    this.suggestions = new Suggestions(this);
    this.strokes = new StrokeKeeper(
      () => this.masks.progress,
      (underWay) => (underWay ? this.keepStroke() : this.record([])),
    );
  }

  /**
   * Whether masks are shown and saved without the parts and holes that nobody asked for. An annotation that is drawn on again
   * is as it was saved until its prompts change.
   */
  get tidies(): boolean {
    return this.decodes.tidies;
  }

  set tidies(tidies: boolean) {
    this.decodes.tidies = tidies;
  }

  get model(): Manifest | null {
    return this.options.decoder.manifest;
  }

  /** For people: why nothing can be changed; empty where it can. */
  get readOnly(): string {
    return this.options.readOnly?.() ?? "";
  }

  get decoderIsReady(): boolean {
    return this.options.decoder.info.state === "ready";
  }

  /**
   * Show an image, and go on with what was being drawn on it; the history starts anew. The embedding may come before or
   * after, see {@link embeddingReady}. What was being drawn where nothing can be changed any more stays as it is kept, unseen.
   */
  open(
    image: SessionImage,
    annotations: readonly Annotation[],
    kept: KeptDraft | null = null,
    refused: readonly string[] = [],
    exhaustive = edit.NOTHING_SAID,
  ): void {
    const draft = this.readOnly ? null : kept;
    this.turnToImage(image, draft?.region ?? null);
    if (draft) this.resumeCategory(draft.categoryId);
    const startedAt = draft?.startedAt == null ? null : this.effort.clock.fromWall(draft.startedAt);
    const drawn = draft && isDrawn(draft) ? { ...draft, startedAt } : null;
    this.resumeOutline(draft?.outline ?? null, drawn ? null : startedAt);
    this.store.startWith(edit.withDraft({ annotations, refused, exhaustive }, drawn ?? NO_DRAFT));
  }

  close(): void {
    this.strokes.stop();
    this.turnToImage(null, null);
    this.masks.outline = null;
    this.store.startWith(edit.openDocument([]));
  }

  /** From now on the decoder sees this region only, or (null) the whole image. Call before `decoder.openImage`. */
  lookAt(region: Region | null): void {
    this.viewpoint.see(region);
    this.decodes.forgetHovered();
    if (this.unfinished) this.record([]);
  }

  /** Call after `decoder.openImage` resolved for this image: prompts given meanwhile are decoded now. */
  embeddingReady(): void {
    this.decodes.retry();
  }

  /** A gesture begins (true), or none is under way any more. It may take several clicks. */
  working(underWay: boolean): void {
    if (underWay && this.readOnly) return;
    this.effort.working(underWay);
    this.strokes.watch(underWay);
  }

  /** The server's state replaces ours (another writer won, or an event came in); prompts stay, the history starts anew. */
  replaceAnnotations(annotations: readonly Annotation[], exhaustive = this.store.document.exhaustive): void {
    const { document } = this.store;
    this.store.startWith(edit.withDraft({ annotations, refused: document.refused, exhaustive }, document));
  }

  /** Say whether all of a category are annotated on the image, or (null) that nobody knows. */
  sayExhaustive(categoryId: number, exhaustive: boolean | null): void {
    if (!this.image) return;
    this.store.commit(edit.sayExhaustive(this.store.document, newUuid(), categoryId, exhaustive));
  }

  setCategories(categories: readonly SessionCategory[]): void {
    this.list.categories = categories;
    this.knowsCategories = true;
    if (this.list.hasCategory(this.categoryId)) return;
    if (this.draft.active && this.categoryId !== null) this.tellCategoryIsGone();
    this.categoryId = null; // nobody has chosen another one
  }

  /** Sets the category of the selected annotation, else of the next accepted mask. */
  chooseCategory(id: number | null): void {
    const uid = this.draft.reopenedUid ?? (this.draft.active ? null : this.selection.uid);
    const target = edit.findAnnotation(this.store.document, uid);
    if (!target) {
      this.categoryId = id;
      this.options.onCategory?.(id);
      if (this.unfinished) this.record([]);
    } else if (target.category_id !== id && this.isFree(target.uid)) {
      this.store.commit(edit.setCategory(this.store.document, target.uid, id));
    }
  }

  setTool(tool: ToolName): void {
    this.masks.cancel();
    if (tool !== this.tool) this.masks.sketch([], false);
    if (isHandTool(tool) !== isHandTool(this.tool)) this.effort.turn();
    this.tool = tool;
    this.drawing.hover(null);
  }

  remove(uid: string): void {
    if (!edit.findAnnotation(this.store.document, uid) || !this.isFree(uid)) return;
    this.store.commit(edit.remove(this.store.document, uid));
    this.tellRemoved(1);
  }

  tellRemoved(count: number): void {
    const { newest } = this.store;
    this.options.onRemoved?.(count, () => {
      if (this.store.newest === newest) this.store.undo();
    });
  }

  /** Change saved annotations as objects.ts does, in one step; null means that there is nothing to do. */
  changeObjects(
    uids: readonly string[],
    change: (document: edit.Document) => edit.DocumentStep | null,
  ): boolean {
    if (!this.image || !this.mayChange() || !uids.every((uid) => this.isFree(uid))) return false;
    const step = change(this.store.document);
    if (step) this.store.commit(step);
    return step !== null;
  }

  undo(): void {
    const { canUndo, ended } = this.store;
    if (canUndo) this.store.undo();
    else if (ended) this.notify({ level: "info", message: ended });
  }

  keepDraft(): void {
    this.record([]);
  }

  notify(notice: Notice): void {
    this.options.notify?.(notice);
  }

  complain(message: string): void {
    this.notify({ level: "error", message });
  }

  isFree(uid: string): boolean {
    if (!this.mayChange()) return false;
    const locked = this.list.isLocked(uid);
    if (locked) this.complain(m.annotate_object_locked());
    return !locked;
  }

  private mayChange(): boolean {
    if (this.readOnly) this.complain(this.readOnly);
    return !this.readOnly;
  }

  private turnToImage(image: SessionImage | null, drawnIn: Region | null): void {
    this.image = image;
    this.viewpoint.reset(drawnIn);
    this.decodes.open(image);
    this.list.reset();
    this.selection.reset();
    this.suggestions.reset();
  }

  private changed(before: edit.Document, operations: readonly Operation[], step: OperationStep | null): void {
    const { document } = this.store;
    if (document.prompts !== before.prompts) this.drawing.forgetEarly();
    this.suggestions.turn();
    this.masks.cancel();
    if (edit.hasDraft(before) || this.draft.active) this.effort.turn(); // what is drawn counts for itself
    // What is drawn is what keys act on.
    const selected = this.draft.reopenedUid ?? (this.draft.active ? null : this.selection.uid);
    this.selection.turnTo(edit.findAnnotation(document, selected)?.uid ?? null);
    this.record(operations, document, step);
    this.decodes.ask(document.prompts);
  }

  private record(
    operations: readonly Operation[],
    document = this.store.document,
    step: OperationStep | null = null,
  ): void {
    if (!this.image || this.readOnly) return; // what is kept of it stays as it is
    this.strokes.superseded();
    const { categoryId, viewpoint, effort } = this;
    const outline = this.masks.keptOutline;
    const drawn = edit.keptDraft(document, { categoryId, region: viewpoint.drawnIn, outline });
    if (!drawn) viewpoint.drawnIn = viewpoint.region;
    const since = drawn?.startedAt ?? effort.begunAt;
    const draft = drawn && { ...drawn, startedAt: since === null ? null : effort.clock.toWall(since) };
    this.options.record(this.image.id, operations.map(edit.asPlainData), draft, step);
  }

  /** Whether something is kept as a draft. */
  private get unfinished(): boolean {
    return this.draft.active || this.masks.outline !== null;
  }

  /** @param begunAt where its work does not belong to an object that is drawn */
  private resumeOutline(outline: KeptOutline | null, begunAt: number | null): void {
    this.masks.outline = outline;
    if (!outline) return;
    this.tool = "polygon";
    this.selection.turnTo(outline.uid);
    if (begunAt !== null) this.effort.resume(begunAt);
  }

  private keepStroke(): void {
    const made = this.masks.unfinished;
    if (!made) return;
    this.record([], edit.unfinished(this.store.document, made.mask, made.uid, this.effort.workedUntil()));
  }

  /** The category of a draft, unless it was deleted meanwhile. Which ones there are may be known only later. */
  private resumeCategory(id: number | null): void {
    const isGone = this.knowsCategories && id !== null && !this.list.hasCategory(id);
    if (isGone) this.tellCategoryIsGone();
    this.categoryId = isGone ? null : id;
  }

  private tellCategoryIsGone(): void {
    const message = m.annotate_draft_category_gone();
    this.notify({ level: "error", message });
  }
}

export function createSession(options: SessionOptions): Session {
  return new Session(options);
}
