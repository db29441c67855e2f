/**
 * What a person gives the model, and which of its four answers is shown first.
 *
 * `server/limner/prompts.py` says the same in Python; `tests/golden/prompts.json` holds both to it.
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

/** Prompts in pixels of the picture that the decoder sees: an image, or a region of it. */
export interface DecoderPrompts extends Omit<Prompts, "mask"> {
  /** Logits (lowResSize²), row-major over the padded model input; what the decoder takes as `mask_input`. */
  readonly mask: Float32Array | null;
}

export const NO_PROMPTS: Prompts & DecoderPrompts = { points: [], box: null, mask: null };

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
 * A box becomes its two corners after the points. Without a box one padding point is appended: SAM was trained so, and with
 * a box it was not (the official export pads always and so departs from PyTorch).
 */
export function modelInputs(prompts: Pick<Prompts, "points" | "box">, geometry: ImageGeometry): ModelInputs {
  const coords = prompts.points.map(({ at }) => geometry.toModel(at));
  const labels: number[] = prompts.points.map(({ label }) => label);
  if (prompts.box) {
    const [x0, y0, x1, y1] = prompts.box;
    coords.push(geometry.toModel(imagePoint(x0, y0)), geometry.toModel(imagePoint(x1, y1)));
    labels.push(BOX_TOP_LEFT, BOX_BOTTOM_RIGHT);
  } else {
    coords.push(modelPoint(0, 0));
    labels.push(PADDING);
  }
  return { pointCoords: new Float32Array(coords.flat()), pointLabels: new Float32Array(labels) };
}

/**
 * Index (0–3) of the candidate to show first.
 *
 * One lone point is ambiguous (whole, part, subpart), so the best of masks 1–3; any richer prompt has one answer, mask 0
 * (Kirillov et al. 2023, "Resolving ambiguity"). The padding point never counts as a prompt.
 */
export function chooseMask(iouPredictions: ArrayLike<number>, prompts: Prompts): number {
  const ambiguous = prompts.points.length === 1 && prompts.box === null && prompts.mask === null;
  if (!ambiguous) return 0;
  let best = 1;
  for (let index = 2; index < iouPredictions.length; index++) {
    if (iouPredictions[index]! > iouPredictions[best]!) best = index;
  }
  return best;
}
