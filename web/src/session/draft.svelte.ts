/** The object being drawn, as it is shown: its prompts, and what the decoder answers to them. */

import { ImageGeometry, type ImageSize } from "../core/geometry.ts";
import type { Plane } from "../core/logits.ts";
import { DRAFT_COLOUR } from "../core/palette.ts";
import type { PixelBox } from "../core/pixel-box.ts";
import { boxOfPlane } from "../core/plane-box.ts";
import { onlyTakesAway } from "../core/prompts.ts";
import type { Region } from "../core/region.ts";
import { boundingBox, type Rle } from "../core/rle.ts";
import type { Manifest } from "../decoder/manifest.ts";
import type { AnnotationList } from "./annotation-list.svelte.ts";
import { type Answer, bestOf, candidatesOf, maskOf, planeOf, seesNothing } from "./answers.ts";
import { type Decodes, isQuestion } from "./decodes.svelte.ts";
import { findAnnotation, hasDraft } from "./document.ts";
import type { DocumentStore } from "./document-store.svelte.ts";
import type { Candidate } from "./types.ts";

/** What else a draft is made of. */
export interface DraftSetting {
  readonly image: ImageSize | null;
  readonly model: Manifest | null;
  /** What the next accepted mask gets. */
  readonly categoryId: number | null;
  /** Whether a mask is painted that is changed by hand. */
  readonly isPainting: boolean;
}

export class Draft {
  private readonly answerMask = $derived.by(() => {
    const { answer } = this.decodes;
    return answer && maskOf(answer, this.shownIndex!, this.setting.image!, this.setting.model!);
  });
  readonly prompts = $derived.by(() => this.store.document.prompts);
  /** uid of the saved annotation whose mask is being changed, if any. */
  readonly reopenedUid = $derived.by(() => this.store.document.reopenedUid);
  /** Whether an object is being drawn: prompts were given, or an annotation was reopened. */
  readonly active = $derived.by(() => hasDraft(this.store.document));

  /** Around the object being drawn, in image pixels; as long as it has no mask, around its prompts. Null when there is none. */
  readonly box: PixelBox | null = $derived.by(() => (this.active ? this.boxShown() : null));

  constructor(
    private readonly store: DocumentStore,
    private readonly decodes: Decodes,
    private readonly list: AnnotationList,
    private readonly setting: DraftSetting,
  ) {}

  /** Empty until the decoder has answered the current prompts. */
  get candidates(): readonly Candidate[] {
    const { answer } = this;
    return answer ? candidatesOf(answer) : [];
  }

  /** Index into the decoder's masks of the one that is shown, null when there is none. */
  get shownIndex(): number | null {
    const { answer } = this.decodes;
    if (!answer) return null;
    const chosen = this.answer ? this.store.document.shown : null;
    return chosen ?? bestOf(answer);
  }

  /** Whether the model says that there is no object where it was asked; models that say nothing of it have no doubt. */
  get doubted(): boolean {
    const { answer } = this;
    return answer !== null && seesNothing(answer);
  }

  /** True while the shown candidate is older than the prompts. */
  get decoding(): boolean {
    return isQuestion(this.prompts) && !this.answer;
  }

  /** True when there is a mask that Enter would accept. */
  get canAccept(): boolean {
    return (this.answer !== null && !onlyTakesAway(this.prompts)) || this.showsEdited;
  }

  /** Whether the mask is shown that was made by hand, not an answer of the model. */
  get showsEdited(): boolean {
    return this.store.document.edited !== null && !this.decodes.answer;
  }

  /** A saved annotation was reopened, and nothing has been done to it. */
  get isUnchanged(): boolean {
    return !this.store.document.edited && !isQuestion(this.prompts);
  }

  get hasMask(): boolean {
    return this.decodes.answer !== null || this.store.document.edited !== null || this.reopenedUid !== null;
  }

  /** As it is shown. Costs some time where it is an answer of the model. */
  get mask(): Rle | null {
    const { document } = this.store;
    const reopened = findAnnotation(document, this.reopenedUid);
    return this.answerMask ?? document.edited ?? reopened?.segmentation ?? null;
  }

  /** The logits to paint: of the object being drawn, else of what the pointer hovers over. */
  get shownPlane(): Plane | null {
    const { answer, hovered } = this.decodes;
    if (this.setting.isPainting) return null;
    if (answer) return planeOf(answer, this.shownIndex!);
    return hovered && !this.active ? planeOf(hovered, bestOf(hovered)) : null;
  }

  /** The region that {@link shownPlane} is of; null for the whole image. */
  get shownRegion(): Region | null {
    return (this.decodes.answer ?? this.decodes.hovered)?.region ?? null;
  }

  /** "#rrggbb" */
  get colour(): string {
    const reopened = findAnnotation(this.store.document, this.reopenedUid);
    const category = reopened ? reopened.category_id : this.setting.categoryId;
    return this.list.categoryColour(category) ?? DRAFT_COLOUR;
  }

  private boxShown(): PixelBox | null {
    const { image, model } = this.setting;
    const { shownPlane, shownRegion } = this;
    if (image && model && shownPlane) {
      const geometry = new ImageGeometry(shownRegion ?? image, model.input);
      const box = boxOfPlane(shownPlane, geometry, model.masks.low_res_size);
      if (box)
        return { ...box, left: box.left + (shownRegion?.x ?? 0), top: box.top + (shownRegion?.y ?? 0) };
    }
    const mask = shownPlane ? null : this.mask;
    if (mask) return boundingBox(mask);
    const { points, box } = this.prompts;
    const corners = [...points.map(({ at }) => at), ...(box ? [box.slice(0, 2), box.slice(2)] : [])];
    if (corners.length === 0) return null;
    const [xs, ys] = [corners.map(([x]) => x!), corners.map(([, y]) => y!)];
    const [left, top] = [Math.min(...xs), Math.min(...ys)];
    return { left, top, width: Math.max(...xs) - left, height: Math.max(...ys) - top };
  }

  /** For the newest prompts; null until the decoder has answered them. */
  get answer(): Answer | null {
    const { answer } = this.decodes;
    return answer?.prompts === this.prompts ? answer : null;
  }
}
