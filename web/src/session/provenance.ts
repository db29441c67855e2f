/** How a mask came about, so that the same prompts give the same mask again, on the page and by `limner segment`. */

import { imagePoint } from "../core/geometry.ts";
import { BACKGROUND, FOREGROUND, NO_PROMPTS, type Prompts } from "../core/prompts.ts";
import { type Region, regionNumbers, regionText } from "../core/region.ts";
import type { Answer } from "./answers.ts";
import type { Document } from "./document.ts";
import type { Annotation, Manifest, Provenance } from "./types.ts";

/** @param seconds from the first prompt to now */
export function provenanceOf(
  { prompts: { points, box, mask }, decoded, region }: Answer,
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
    ...(region && { region: regionNumbers(region) }),
    seconds,
  };
}

/** Of a mask that was then changed by hand: no prompts give it again. What it began with and the time it took stay. */
export function byHand(provenance: Provenance | null, seconds = provenance?.seconds ?? null): Provenance {
  const model_sha256 = provenance?.model_sha256 ?? null;
  return { model_sha256, mask_index: null, predicted_iou: null, prompts: null, seconds };
}

/**
 * What a reopened annotation starts from: its prompts where this model answered them with the saved mask and sees the same
 * part of the image, else that mask.
 */
export function draftOf(
  { provenance, segmentation }: Annotation,
  region: Region | null,
  model: Manifest,
): Pick<Document, "prompts" | "shown"> {
  const prompts = promptsOf(provenance, region, model);
  if (prompts) return { prompts, shown: provenance?.mask_index ?? null };
  return { prompts: { ...NO_PROMPTS, mask: segmentation }, shown: null };
}

function promptsOf(provenance: Provenance | null, region: Region | null, model: Manifest): Prompts | null {
  const saved = provenance?.prompts;
  if (!saved || saved.mask || provenance.model_sha256 !== model.weights_sha256) return null;
  if (saved.points.length === 0 && !saved.box) return null;
  if ((provenance.region ?? "").toString() !== (region ? regionText(region) : "")) return null;
  return {
    points: saved.points.map(([x, y, label]) => ({
      at: imagePoint(x, y),
      label: label === BACKGROUND ? BACKGROUND : FOREGROUND,
    })),
    box: saved.box,
    mask: null,
  };
}
