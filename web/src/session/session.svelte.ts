/** One image being annotated. {@link AnnotationSession} says what the page relies on; the stage and its tools use the rest. */

import { type KeptDraft, NO_DRAFT } from "../core/draft.ts";
import { clampToImage, type ImagePoint, isInside } from "../core/geometry.ts";
import { History } from "../core/history.ts";
import type { PointLabel, Prompts } from "../core/prompts.ts";
import type { Region } from "../core/region.ts";
import { area, contains, type Rle } from "../core/rle.ts";
import { newUuid } from "../sync/ids.ts";
import { type Answer, maskOf } from "./answers.ts";
import { Decodes, isQuestion } from "./decodes.svelte.ts";
import * as edit from "./document.ts";
import { MaskEditor, type MaskHost } from "./mask-editor.svelte.ts";
import { saveStep } from "./overlap.ts";
import { WorkClock } from "./pace.ts";
import { byHand, draftOf, provenanceOf } from "./provenance.ts";
import { reshapeInBackground } from "./reshaper.ts";
import { boxBetween, rounded } from "./rounding.ts";
import { SessionState } from "./session-state.svelte.ts";
import type {
  Annotation,
  AnnotationSession,
  AnnotationView,
  Notice,
  Operation,
  Provenance,
  SessionCategory,
  SessionImage,
  SessionOptions,
  ToolName,
} from "./types.ts";

/** Keys that were faster than the answer. */
interface Early {
  /** How far to go on through the candidates. */
  readonly steps: number;
  readonly accepts: boolean;
}

const NOTHING_EARLY: Early = { steps: 0, accepts: false };

export class Session extends SessionState implements AnnotationSession, MaskHost {
  readonly masks: MaskEditor;
  protected readonly decodes: Decodes;
  private early = NOTHING_EARLY;

  constructor(private readonly options: SessionOptions) {
    super(options.decoder, options.clock ?? new WorkClock());
    this.decodes = new Decodes(
      options.decoder,
      () => this.answered(),
      (error) => this.complain(error instanceof Error ? error.message : String(error)),
      () => options.onOutside?.(),
    );
    this.masks = new MaskEditor(this, options.reshape ?? reshapeInBackground);
  }

  open(image: SessionImage, annotations: readonly Annotation[], draft: KeptDraft | null = null): void {
    this.image = image;
    this.decodes.open(image);
    this.views.reset();
    if (draft) this.categoryId = draft.categoryId;
    const startedAt = draft?.startedAt == null ? null : this.clock.fromWall(draft.startedAt);
    this.startWith(edit.withDraft({ annotations }, draft ? { ...draft, startedAt } : NO_DRAFT));
  }

  close(): void {
    this.image = null;
    this.decodes.open(null);
    this.views.reset();
    this.startWith(edit.openDocument([]));
  }

  lookAt(region: Region | null): void {
    this.decodes.lookAt(region);
  }

  embeddingReady(): void {
    this.decodes.retry();
  }

  replaceAnnotations(annotations: readonly Annotation[]): void {
    this.startWith(edit.withDraft({ annotations }, this.document));
  }

  setCategories(categories: readonly SessionCategory[]): void {
    this.views.categories = categories;
    if (!categories.some(({ id }) => id === this.categoryId)) this.categoryId = categories[0]?.id ?? null;
  }

  select(uid: string | null): void {
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

  /** Preview the mask under the pointer. Outside the image, or while something is drawn, there is none. */
  hover(at: ImagePoint | null): void {
    const inside = at && this.image && isInside(at, this.image) && !this.drawing && this.tool === "points";
    this.decodes.hover(inside ? rounded(at) : null);
  }

  addPoint(at: ImagePoint, label: PointLabel): void {
    if (!this.image || !isInside(at, this.image)) return;
    const { points } = this.prompts;
    this.refine({ points: [...points, { at: rounded(at), label }] });
  }

  movePoint(index: number, at: ImagePoint): void {
    const point = this.prompts.points[index];
    if (!this.image || !point) return;
    const to = { ...point, at: rounded(clampToImage(at, this.image)) };
    this.commit(edit.movePoint(this.document, index, to, this.workedUntil()));
  }

  removePoint(index: number): void {
    if (this.prompts.points[index]) this.commit(edit.removePoint(this.document, index, this.workedUntil()));
  }

  /** Replaces the box there was. Corners may come in any order and lie outside; a box without area is ignored. */
  setBox(from: ImagePoint, to: ImagePoint): void {
    const box = this.image && boxBetween(clampToImage(from, this.image), clampToImage(to, this.image));
    if (box) this.refine({ box });
  }

  removeLastPrompt(): void {
    const { points, box } = this.prompts;
    if (points.length > 0) this.removePoint(points.length - 1);
    else if (box)
      this.commit(edit.setPrompts(this.document, { ...this.prompts, box: null }, this.workedUntil()));
    else if (this.document.edited) this.undo();
    else this.drop();
  }

  show(index: number): void {
    const known = this.candidates.some((candidate) => candidate.index === index);
    if (known && index !== this.shownIndex) this.commit(edit.show(this.document, index));
  }

  cycle(step: 1 | -1): void {
    const { candidates, early } = this;
    if (this.decoding && !early.accepts) this.early = { ...early, steps: early.steps + step };
    const position = candidates.findIndex(({ index }) => index === this.shownIndex);
    if (position < 0) return;
    this.show(candidates[(position + step + candidates.length) % candidates.length]!.index);
  }

  drop(): void {
    if (this.drawing) this.commit(edit.drop(this.document));
  }

  accept(): void {
    if (!this.drawing) return;
    const answer = this.currentAnswer;
    if (this.showsEdited && !isQuestion(this.prompts)) this.saveEdited(this.document.edited!);
    else if (!isQuestion(this.prompts))
      this.drop(); // reopened, and nothing was changed
    else if (answer) this.save(answer);
    else if (this.options.decoder.info.state === "ready") this.early = { ...this.early, accepts: true };
    else this.complain("The image is still being encoded. Accept the mask once it appears.");
  }

  /**
   * Save what is drawn as far as it has a mask now, without waiting for an answer: for leaving the image.
   * Says whether nothing was lost by that.
   */
  keep(): boolean {
    this.early = NOTHING_EARLY;
    if (!this.drawing) return true;
    const { edited } = this.document;
    if (this.currentAnswer) this.save(this.currentAnswer);
    else if (edited && !isQuestion(this.prompts)) this.saveEdited(edited);
    return !isQuestion(this.prompts) || !this.drawing;
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

  reopen(uid: string): void {
    const annotation = edit.findAnnotation(this.document, uid);
    if (!annotation || !this.image || uid === this.reopenedUid || !this.isFree(uid)) return;
    if (!this.model) {
      this.complain("The model is still loading. Reopen the mask once it is there.");
      return;
    }
    const draft = draftOf(annotation, this.region, this.model);
    this.commit(edit.reopen(this.document, uid, { ...draft, startedAt: this.workedUntil() }));
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

  /** More prompts; a mask made by hand becomes one of them. */
  private refine(changes: Partial<Prompts>): void {
    const { prompts } = this;
    const mask = prompts.mask ?? this.document.edited;
    this.commit(edit.setPrompts(this.document, { ...prompts, mask, ...changes }, this.workedUntil()));
  }

  private save(answer: Answer): void {
    const [image, model, index] = [this.image!, this.model!, this.shownIndex!];
    const segmentation = maskOf(answer, index, image, model);
    if (!segmentation) {
      this.complain("This mask is empty. Press Tab for another one, or move the points.");
      return;
    }
    this.saveMask(segmentation, provenanceOf(answer, index, model, this.effort));
  }

  private saveEdited(mask: Rle): void {
    if (area(mask) === 0) {
      this.complain("Nothing is left of this mask. Paint something, or press Esc to drop it.");
      return;
    }
    const { provenance } = edit.findAnnotation(this.document, this.reopenedUid) ?? { provenance: null };
    this.saveMask(mask, byHand(provenance, this.effort));
  }

  private saveMask(mask: Rle, provenance: Provenance): void {
    const { overlap } = this.masks.options;
    const fresh = { uid: newUuid(), category_id: this.categoryId, iscrowd: 0 as const, attributes: {} };
    const step = saveStep(this.document, mask, provenance, fresh, overlap, (each) => this.isLocked(each));
    if (step) this.commit(step);
    else this.complain("Other objects cover all of this mask, and the overlap setting protects them.");
  }

  commit(step: edit.DocumentStep): void {
    this.history = this.history.with(step);
    this.goTo(step.after, step.forward);
  }

  private goTo(document: edit.Document, operations: readonly Operation[]): void {
    if (document.prompts !== this.prompts) this.early = NOTHING_EARLY;
    this.masks.cancel();
    this.document = document;
    const selected = this.reopenedUid ?? (this.drawing ? null : this.selectedUid); // what is drawn is what keys act on
    this.select(edit.findAnnotation(document, selected)?.uid ?? null);
    this.record(operations);
    this.decodes.ask(document.prompts);
  }

  /** What was asked for before there was an answer happens now. */
  private answered(): void {
    const { steps, accepts } = this.early;
    this.early = NOTHING_EARLY;
    for (let step = 0; step < Math.abs(steps); step++) this.cycle(steps > 0 ? 1 : -1);
    if (accepts) this.accept();
  }

  private record(operations: readonly Operation[]): void {
    if (!this.image) return;
    const drawn = edit.keptDraft(this.document, this.categoryId);
    const startedAt = drawn?.startedAt == null ? null : this.clock.toWall(drawn.startedAt);
    const draft = drawn && { ...drawn, startedAt };
    this.options.record(this.image.id, operations.map(edit.asPlainData), draft);
  }

  private startWith(document: edit.Document): void {
    this.history = History.empty();
    this.goTo(document, []);
  }

  notify(notice: Notice): void {
    this.options.notify?.(notice);
  }

  private isFree(uid: string): boolean {
    const locked = this.isLocked(uid);
    if (locked) this.complain("This object is locked. Unlock it in the list to change it.");
    return !locked;
  }

  private complain(message: string): void {
    this.notify({ level: "error", message });
  }
}

export function createSession(options: SessionOptions): Session {
  return new Session(options);
}
