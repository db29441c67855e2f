/** Drawing an object: prompts, walking through its candidates, and how it becomes an annotation. */

import { clampToImage, type ImagePoint, isInside } from "../core/geometry.ts";
import { newUuid } from "../core/ids.ts";
import { onlyTakesAway, type PointLabel, type Prompts } from "../core/prompts.ts";
import { area, type Rle } from "../core/rle.ts";
import type { Manifest } from "../decoder/manifest.ts";
import { m } from "../texts/messages.ts";
import type { AnnotationList } from "./annotation-list.svelte.ts";
import { type Answer, maskOf } from "./answers.ts";
import { type Decodes, isQuestion } from "./decodes.svelte.ts";
import * as edit from "./document.ts";
import type { DocumentStore } from "./document-store.svelte.ts";
import type { Draft } from "./draft.svelte.ts";
import type { EffortMeter } from "./effort-meter.ts";
import type { MaskEditor } from "./mask-editor.svelte.ts";
import {
  COVERED,
  EMPTY_ANSWER,
  NO_OBJECT,
  NOTHING_LEFT,
  type Obstacle,
  OPEN_POLYGON,
  UNANSWERED,
} from "./obstacles.ts";
import { saveStep } from "./overlap.ts";
import { byHand, draftOf, provenanceOf } from "./provenance.ts";
import { boxBetween, rounded } from "./rounding.ts";
import type { Provenance, SessionImage, ToolName } from "./types.ts";
import type { Viewpoint } from "./viewpoint.svelte.ts";

/** Keys that were faster than the answer. */
interface Early {
  /** How far to go on through the candidates. */
  readonly steps: number;
  readonly accepts: boolean;
}

const NOTHING_EARLY: Early = { steps: 0, accepts: false };

/** What drawing acts on; the session is one. */
export interface DrawingHost {
  /** Why nothing can be changed; empty where it can. */
  readonly readOnly: string;
  readonly image: SessionImage | null;
  readonly tool: ToolName;
  readonly model: Manifest | null;
  readonly decoderIsReady: boolean;
  readonly categoryId: number | null;
  readonly store: DocumentStore;
  readonly list: AnnotationList;
  readonly draft: Draft;
  readonly masks: MaskEditor;
  readonly effort: EffortMeter;
  readonly viewpoint: Viewpoint;
  readonly suggestions: { take(uid: string): string | null };
  complain(message: string): void;
  /** Whether an annotation may be changed; if not, the person is told. */
  isFree(uid: string): boolean;
}

export class Drawing {
  private early = NOTHING_EARLY;

  constructor(
    private readonly host: DrawingHost,
    private readonly decodes: Decodes,
  ) {}

  /** Preview the mask under the pointer. Outside the image, or while something is drawn, there is none. */
  hover(at: ImagePoint | null): void {
    const inside =
      at &&
      this.host.image &&
      isInside(at, this.host.image) &&
      !this.host.draft.active &&
      !this.host.readOnly &&
      this.host.tool === "points";
    this.decodes.hover(inside ? rounded(at) : null);
  }

  addPoint(at: ImagePoint, label: PointLabel): void {
    if (!this.host.image || !isInside(at, this.host.image)) return;
    const { points } = this.host.draft.prompts;
    this.refine({ points: [...points, { at: rounded(at), label }] });
  }

  movePoint(index: number, at: ImagePoint): void {
    const point = this.host.draft.prompts.points[index];
    if (!this.host.image || !point) return;
    const to = { ...point, at: rounded(clampToImage(at, this.host.image)) };
    this.host.store.commit(
      edit.movePoint(this.host.store.document, index, to, this.host.effort.workedUntil()),
    );
  }

  removePoint(index: number): void {
    if (this.host.draft.prompts.points[index])
      this.host.store.commit(
        edit.removePoint(this.host.store.document, index, this.host.effort.workedUntil()),
      );
  }

  /** Replaces the box there was. Corners may come in any order and lie outside; a box without area is ignored. */
  setBox(from: ImagePoint, to: ImagePoint): void {
    const box =
      this.host.image && boxBetween(clampToImage(from, this.host.image), clampToImage(to, this.host.image));
    if (box) this.refine({ box });
  }

  removeLastPrompt(): void {
    const { points, box } = this.host.draft.prompts;
    if (points.length > 0) this.removePoint(points.length - 1);
    else if (box)
      this.host.store.commit(
        edit.setPrompts(
          this.host.store.document,
          { ...this.host.draft.prompts, box: null },
          this.host.effort.workedUntil(),
        ),
      );
    else if (this.host.store.document.edited) this.host.store.undo();
    else this.drop();
  }

  show(index: number): void {
    const known = this.host.draft.candidates.some((candidate) => candidate.index === index);
    if (known && index !== this.host.draft.shownIndex)
      this.host.store.commit(edit.show(this.host.store.document, index));
  }

  cycle(step: 1 | -1): void {
    const { early } = this;
    const { candidates } = this.host.draft;
    if (this.host.draft.decoding && !early.accepts) this.early = { ...early, steps: early.steps + step };
    const position = candidates.findIndex(({ index }) => index === this.host.draft.shownIndex);
    if (position < 0) return;
    this.show(candidates[(position + step + candidates.length) % candidates.length]!.index);
  }

  drop(): void {
    if (this.host.draft.active) this.host.store.commit(edit.drop(this.host.store.document));
  }

  accept(): void {
    if (!this.host.draft.active) return;
    if (this.host.draft.isUnchanged) this.drop();
    else if (!this.host.draft.decoding) this.complainOf(this.save());
    else if (this.host.decoderIsReady) this.early = { ...this.early, accepts: true };
    else this.host.complain(m.annotate_accept_not_prepared());
  }

  /**
   * Save what is drawn as far as it has a mask now, without waiting for an answer: for leaving the image.
   * @returns why it stays as it is; null when nothing would be lost
   */
  keep(): Obstacle | null {
    this.early = NOTHING_EARLY;
    if (this.host.masks.outline) return OPEN_POLYGON;
    return !this.host.draft.active || this.host.draft.isUnchanged ? null : this.save();
  }

  /** Go on drawing a saved annotation: from its prompts where this model made it, else from its mask. */
  reopen(uid: string): void {
    const annotation = edit.findAnnotation(this.host.store.document, uid);
    if (!annotation || !this.host.image || uid === this.host.draft.reopenedUid || !this.host.isFree(uid))
      return;
    if (!this.host.model) {
      this.host.complain(m.annotate_reopen_model_loading());
      return;
    }
    const draft = draftOf(annotation, this.host.viewpoint.region, this.host.model);
    this.host.store.commit(
      edit.reopen(this.host.store.document, uid, { ...draft, startedAt: this.host.effort.begin() }),
    );
  }

  /** Take a suggestion, and go on drawing what it has become: clicks correct its mask. */
  correct(suggestion: string): void {
    if (!this.host.model) {
      this.host.complain(m.annotate_reopen_model_loading());
      return;
    }
    const taken = this.host.suggestions.take(suggestion);
    if (taken !== null) this.reopen(taken);
  }

  /** Begin an object with prompts from elsewhere. */
  suggest(prompts: Prompts): void {
    if (this.host.image && !this.host.draft.active) this.refine(prompts);
  }

  /** What was asked for before there was an answer happens now. */
  answered(): void {
    const { steps, accepts } = this.early;
    this.early = NOTHING_EARLY;
    for (let step = 0; step < Math.abs(steps); step++) this.cycle(steps > 0 ? 1 : -1);
    if (accepts) this.accept();
  }

  forgetEarly(): void {
    this.early = NOTHING_EARLY;
  }

  /** More prompts; a mask made by hand becomes one of them. */
  private refine(changes: Partial<Prompts>): void {
    const { prompts } = this.host.draft;
    const mask = prompts.mask ?? this.host.store.document.edited;
    this.host.store.commit(
      edit.setPrompts(
        this.host.store.document,
        { ...prompts, mask, ...changes },
        this.host.effort.workedUntil(),
      ),
    );
  }

  /** @returns why it cannot be saved */
  private save(): Obstacle | null {
    const { edited } = this.host.store.document;
    if (onlyTakesAway(this.host.draft.prompts)) return NO_OBJECT;
    if (isQuestion(this.host.draft.prompts))
      return this.host.draft.answer ? this.saveAnswer(this.host.draft.answer) : UNANSWERED;
    return edited && this.saveEdited(edited);
  }

  private saveAnswer(answer: Answer): Obstacle | null {
    const [image, model, index] = [this.host.image!, this.host.model!, this.host.draft.shownIndex!];
    const mask = maskOf(answer, index, image, model);
    const before = edit.findAnnotation(this.host.store.document, this.host.draft.reopenedUid)?.provenance;
    return mask
      ? this.saveMask(mask, provenanceOf(answer, index, model, this.host.effort.drawn, before))
      : EMPTY_ANSWER;
  }

  private saveEdited(mask: Rle): Obstacle | null {
    const { provenance } = edit.findAnnotation(this.host.store.document, this.host.draft.reopenedUid) ?? {
      provenance: null,
    };
    return area(mask) === 0 ? NOTHING_LEFT : this.saveMask(mask, byHand(provenance, this.host.effort.drawn));
  }

  private saveMask(mask: Rle, provenance: Provenance): Obstacle | null {
    const { overlap } = this.host.masks.options;
    const fresh = { uid: newUuid(), category_id: this.host.categoryId, iscrowd: 0 as const, attributes: {} };
    const step = saveStep(this.host.store.document, mask, provenance, fresh, overlap, (each) =>
      this.host.list.isLocked(each),
    );
    if (step) this.host.store.commit(step);
    return step ? null : COVERED;
  }

  private complainOf(obstacle: Obstacle | null): void {
    if (obstacle) this.host.complain(`${obstacle.message} ${obstacle.hint}`);
  }
}
