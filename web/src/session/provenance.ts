/** How a mask came about, so that the same prompts give the same mask again, on the page and by `limner segment`. */

import { ImageGeometry, type ImageSize, imagePoint } from "../core/geometry.ts";
import { logitsFromMask } from "../core/mask.ts";
import { BACKGROUND, FOREGROUND, NO_PROMPTS, type Prompts } from "../core/prompts.ts";
import type { Rle } from "../core/rle.ts";
import type { Answer } from "./answers.ts";
import type { Document } from "./document.ts";
import type { Annotation, Manifest, Provenance } from "./types.ts";

/** @param seconds from the first prompt to now */
export function provenanceOf(
  { prompts: { points, box, mask }, decoded }: Answer,
  index: number,
  model: Manifest,
  seconds: number,
): Provenance {
  return {
    model_sha256: model.weights_sha256,
    mask_index: index,
    predicted_iou: decoded.iou[index]!,
    prompts: {
      points: points.map(({ at: [x, y], label }) => [x, y, label]),
      box: box && [box[0], box[1], box[2], box[3]],
      mask: mask !== null,
    },
    seconds,
  };
}

/** Of a mask that was then changed by hand: no prompts give it again. What it began with and the time it took stay. */
export function byHand(provenance: Provenance | null, seconds = provenance?.seconds ?? null): Provenance {
  const model_sha256 = provenance?.model_sha256 ?? null;
  return { model_sha256, mask_index: null, predicted_iou: null, prompts: null, seconds };
}

/**
 * What a reopened annotation starts from: its prompts where this model answered them with the saved mask, else that mask.
 */
export function draftOf(
  { provenance, segmentation }: Annotation,
  image: ImageSize,
  model: Manifest,
): Pick<Document, "prompts" | "shown"> {
  const prompts = promptsOf(provenance, model);
  if (prompts) return { prompts, shown: provenance?.mask_index ?? null };
  return { prompts: { ...NO_PROMPTS, mask: maskPrompt(segmentation, image, model) }, shown: null };
}

/** A mask as the model takes it: logits over its padded input. */
export function maskPrompt(mask: Rle, image: ImageSize, model: Manifest): Float32Array {
  return logitsFromMask(mask, new ImageGeometry(image, model.input.image_size), model.low_res_size);
}

function promptsOf(provenance: Provenance | null, model: Manifest): Prompts | null {
  const saved = provenance?.prompts;
  if (!saved || saved.mask || provenance.model_sha256 !== model.weights_sha256) return null;
  if (saved.points.length === 0 && !saved.box) return null;
  return {
    points: saved.points.map(([x, y, label]) => ({
      at: imagePoint(x, y),
      label: label === BACKGROUND ? BACKGROUND : FOREGROUND,
    })),
    box: saved.box,
    mask: null,
  };
}
