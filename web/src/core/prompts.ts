/**
 * What a person gives the model, and which of its answers is shown first.
 *
 * `server/limner/vocabulary/prompts.py` says the same in Python; `tests/golden/prompts.json` holds both to it.
 */

import type { ImageBox, ImageGeometry, ImagePoint } from "./geometry.ts";
import { imagePoint, modelPoint } from "./geometry.ts";
import type { Rle } from "./rle.ts";

/** SAM's point labels. */
export const BACKGROUND = 0;
export const FOREGROUND = 1;
const BOX_TOP_LEFT = 2;
const BOX_BOTTOM_RIGHT = 3;
const PADDING = -1;

export type PointLabel = typeof BACKGROUND | typeof FOREGROUND;

export interface PromptPoint {
  readonly at: ImagePoint;
  readonly label: PointLabel;
}

/** Immutable: every change makes a new value, so that a decode's answer can be told to be for exactly these prompts. */
export interface Prompts {
  readonly points: readonly PromptPoint[];
  readonly box: ImageBox | null;
  readonly mask: Rle | null;
}

/** Whether they only take away: nothing says where the object is. */
export const onlyTakesAway = ({ points, box, mask }: Prompts): boolean =>
  points.length > 0 && !box && !mask && points.every(({ label }) => label === BACKGROUND);

/** Prompts in pixels of the picture that the decoder sees: an image, or a region of it. */
export interface DecoderPrompts extends Omit<Prompts, "mask"> {
  /** Logits (lowResSize²), row-major over the model's input; what the decoder takes as `mask_input`. */
  readonly mask: Float32Array | null;
}

export const NO_PROMPTS: Prompts & DecoderPrompts = { points: [], box: null, mask: null };

/** What a model can be asked with, beside points and a box; `server/limner/vocabulary/specs.py` describes both. */
export interface PromptSpec {
  /** Whether a mask prompt counts. */
  readonly mask: boolean;
  /** When one padding point ends the points. */
  readonly padding: "without_box" | "always";
}

/** What a model answers. */
export interface MaskSpec {
  readonly count: number;
  /** Side of the grid of logits, and of the mask prompt, in cells. */
  readonly low_res_size: number;
  /** Index of the mask for prompts with one right answer. */
  readonly unambiguous: number;
  /** Indices of the masks for a lone point; none where a model has only one mask. */
  readonly ambiguous: readonly number[];
}

export interface ModelInputs {
  /** (N, 2) in model pixels. */
  readonly pointCoords: Float32Array;
  /** (N,) */
  readonly pointLabels: Float32Array;
}

/** True when there is nothing to ask the model about. */
export function isEmpty(prompts: Prompts): boolean {
  return prompts.points.length === 0 && prompts.box === null && prompts.mask === null;
}

/**
 * The prompts as the decoder takes them.
 *
 * A box becomes its two corners after the points. Without a box one padding point is appended, and with one where the model
 * was trained so: SAM was not, though its official export pads always; SAM 2 was.
 */
export function modelInputs(
  prompts: Pick<Prompts, "points" | "box">,
  geometry: ImageGeometry,
  { padding }: Pick<PromptSpec, "padding">,
): ModelInputs {
  const coords = prompts.points.map(({ at }) => geometry.toModel(at));
  const labels: number[] = prompts.points.map(({ label }) => label);
  if (prompts.box) {
    const [x0, y0, x1, y1] = prompts.box;
    coords.push(geometry.toModel(imagePoint(x0, y0)), geometry.toModel(imagePoint(x1, y1)));
    labels.push(BOX_TOP_LEFT, BOX_BOTTOM_RIGHT);
  }
  if (!prompts.box || padding === "always") {
    coords.push(modelPoint(0, 0));
    labels.push(PADDING);
  }
  return { pointCoords: new Float32Array(coords.flat()), pointLabels: new Float32Array(labels) };
}

/** Whether whole, part and subpart are all fair answers: to one lone point. The padding point never counts as a prompt. */
function isAmbiguous({ points, box, mask }: Prompts): boolean {
  return points.length === 1 && box === null && mask === null;
}

/**
 * Index of the candidate to show first.
 *
 * One lone point is ambiguous, so the best of the masks for that (of SAM's four, 1–3); any richer prompt has one answer (mask
 * 0; Kirillov et al. 2023, "Resolving ambiguity").
 */
export function chooseMask(iouPredictions: ArrayLike<number>, prompts: Prompts, masks: MaskSpec): number {
  if (!isAmbiguous(prompts) || masks.ambiguous.length === 0) return masks.unambiguous;
  return masks.ambiguous.reduce((best, index) =>
    iouPredictions[index]! > iouPredictions[best]! ? index : best,
  );
}

/** Indices of the masks to choose from: those for an ambiguous prompt (the other was not trained for it), else all. */
export function masksToOffer(prompts: Prompts, masks: MaskSpec): readonly number[] {
  if (isAmbiguous(prompts) && masks.ambiguous.length > 0) return masks.ambiguous;
  return Array.from({ length: masks.count }, (_, index) => index);
}
