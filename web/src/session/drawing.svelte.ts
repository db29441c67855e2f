/** The object being drawn: its prompts, its candidates, and how it becomes an annotation. */

import { clampToImage, type ImagePoint, isInside } from "../core/geometry.ts";
import { newUuid } from "../core/ids.ts";
import type { PointLabel, Prompts } from "../core/prompts.ts";
import { area, type Rle } from "../core/rle.ts";
import { type Answer, maskOf } from "./answers.ts";
import { isQuestion } from "./decodes.svelte.ts";
import * as edit from "./document.ts";
import { COVERED, EMPTY_ANSWER, NOTHING_LEFT, type Obstacle, OPEN_POLYGON, UNANSWERED } from "./obstacles.ts";
import { saveStep } from "./overlap.ts";
import { byHand, draftOf, provenanceOf } from "./provenance.ts";
import { boxBetween, rounded } from "./rounding.ts";
import { SessionState } from "./session-state.svelte.ts";
import type { Provenance } from "./types.ts";

/** Keys that were faster than the answer. */
interface Early {
  /** How far to go on through the candidates. */
  readonly steps: number;
  readonly accepts: boolean;
}

const NOTHING_EARLY: Early = { steps: 0, accepts: false };

export abstract class Drawing extends SessionState {
  private early = NOTHING_EARLY;

  abstract commit(step: edit.DocumentStep): void;
  abstract undo(): void;
  protected abstract complain(message: string): void;
  /** Whether an annotation may be changed; if not, the person is told. */
  protected abstract isFree(uid: string): boolean;

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
    if (this.unchanged) this.drop();
    else if (!this.decoding) this.complainOf(this.save());
    else if (this.decoderIsReady) this.early = { ...this.early, accepts: true };
    else this.complain("The image is still being encoded. Accept the mask once it appears.");
  }

  /**
   * Save what is drawn as far as it has a mask now, without waiting for an answer: for leaving the image.
   * @returns why it stays as it is; null when nothing would be lost
   */
  keep(): Obstacle | null {
    this.early = NOTHING_EARLY;
    if (this.masks.outline) return OPEN_POLYGON;
    return !this.drawing || this.unchanged ? null : this.save();
  }

  /** Go on drawing a saved annotation: from its prompts where this model made it, else from its mask. */
  reopen(uid: string): void {
    const annotation = edit.findAnnotation(this.document, uid);
    if (!annotation || !this.image || uid === this.reopenedUid || !this.isFree(uid)) return;
    if (!this.model) {
      this.complain("The model is still loading. Reopen the mask once it is there.");
      return;
    }
    const draft = draftOf(annotation, this.region, this.model);
    this.commit(edit.reopen(this.document, uid, { ...draft, startedAt: this.beginWork() }));
  }

  /** Begin an object with prompts from elsewhere. */
  suggest(prompts: Prompts): void {
    if (this.image && !this.drawing) this.refine(prompts);
  }

  /** What was asked for before there was an answer happens now. */
  protected answered(): void {
    const { steps, accepts } = this.early;
    this.early = NOTHING_EARLY;
    for (let step = 0; step < Math.abs(steps); step++) this.cycle(steps > 0 ? 1 : -1);
    if (accepts) this.accept();
  }

  protected forgetEarly(): void {
    this.early = NOTHING_EARLY;
  }

  /** More prompts; a mask made by hand becomes one of them. */
  private refine(changes: Partial<Prompts>): void {
    const { prompts } = this;
    const mask = prompts.mask ?? this.document.edited;
    this.commit(edit.setPrompts(this.document, { ...prompts, mask, ...changes }, this.workedUntil()));
  }

  /** A saved annotation was reopened, and nothing has been done to it. */
  private get unchanged(): boolean {
    return !this.document.edited && !isQuestion(this.prompts);
  }

  /** @returns why it cannot be saved */
  private save(): Obstacle | null {
    const { edited } = this.document;
    if (isQuestion(this.prompts))
      return this.currentAnswer ? this.saveAnswer(this.currentAnswer) : UNANSWERED;
    return edited && this.saveEdited(edited);
  }

  private saveAnswer(answer: Answer): Obstacle | null {
    const [image, model, index] = [this.image!, this.model!, this.shownIndex!];
    const mask = maskOf(answer, index, image, model);
    return mask ? this.saveMask(mask, provenanceOf(answer, index, model, this.effort)) : EMPTY_ANSWER;
  }

  private saveEdited(mask: Rle): Obstacle | null {
    const { provenance } = edit.findAnnotation(this.document, this.reopenedUid) ?? { provenance: null };
    return area(mask) === 0 ? NOTHING_LEFT : this.saveMask(mask, byHand(provenance, this.effort));
  }

  private saveMask(mask: Rle, provenance: Provenance): Obstacle | null {
    const { overlap } = this.masks.options;
    const fresh = { uid: newUuid(), category_id: this.categoryId, iscrowd: 0 as const, attributes: {} };
    const step = saveStep(this.document, mask, provenance, fresh, overlap, (each) => this.isLocked(each));
    if (step) this.commit(step);
    return step ? null : COVERED;
  }

  private complainOf(obstacle: Obstacle | null): void {
    if (obstacle) this.complain(`${obstacle.message} ${obstacle.hint}`);
  }
}
