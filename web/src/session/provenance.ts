/** How a mask came about, so that the same prompts give the same mask again, on the page and by `limner segment`. */

import { imagePoint } from "../core/geometry.ts";
import { BACKGROUND, FOREGROUND, NO_PROMPTS, type Prompts } from "../core/prompts.ts";
import { type Region, regionNumbers, regionText } from "../core/region.ts";
import type { Manifest } from "../decoder/manifest.ts";
import type { Answer } from "./answers.ts";
import type { Document } from "./document.ts";
import type { Annotation, Provenance } from "./types.ts";

/** What a mask has cost: seconds in which somebody worked on it, and presses of the pointer; null where nobody counted. */
export interface Effort {
  readonly seconds: number | null;
  readonly clicks: number | null;
}

export const NO_EFFORT: Effort = { seconds: null, clicks: null };

/** What was spent before, as far as it is known, and what came on top. */
export function added(before: Partial<Effort> | null, more: Effort): Effort {
  const sum = (a: number | null | undefined, b: number | null) => (b === null ? (a ?? null) : (a ?? 0) + b);
  return { seconds: sum(before?.seconds, more.seconds), clicks: sum(before?.clicks, more.clicks) };
}

/** Of several masks that become one. */
export function summed(efforts: readonly Effort[]): Effort {
  return efforts.reduce(added, NO_EFFORT);
}

/** Of the parts of one mask: together they have cost what it has. The first has what cannot be divided. */
export function shared({ seconds, clicks }: Effort, parts: number): Effort[] {
  const milliseconds = seconds === null ? null : divided(Math.round(seconds * 1000), parts);
  const presses = clicks === null ? null : divided(clicks, parts);
  return Array.from({ length: parts }, (_, part) => ({
    seconds: milliseconds && milliseconds[part]! / 1000,
    clicks: presses && presses[part]!,
  }));
}

/** Whole numbers whose sum is `whole`. */
function divided(whole: number, parts: number): number[] {
  const share = Math.floor(whole / parts);
  return [whole - share * (parts - 1), ...Array<number>(parts - 1).fill(share)];
}

/** Clicks that nobody counted are left out, as in what was stored before there were any. */
export const counted = ({ seconds, clicks }: Effort) => ({ seconds, ...(clicks !== null && { clicks }) });

/**
 * @param effort up to now
 * @param before of the saved mask that is drawn on: that it was suggested stays
 */
export function provenanceOf(
  { prompts: { points, box, mask }, decoded, region, tidied }: Answer,
  index: number,
  model: Manifest,
  effort: Effort,
  before: Provenance | null = null,
): Provenance {
  const origin = before?.origin;
  return {
    model_sha256: model.weights_sha256,
    mask_index: index,
    predicted_iou: decoded.iou[index]!,
    prompts: {
      points: points.map(({ at: [x, y], label }) => [x, y, label]),
      box: box && [box[0], box[1], box[2], box[3]],
      mask: mask !== null,
    },
    ...(tidied && { tidied: true }),
    ...(region && { region: regionNumbers(region) }),
    ...counted(effort),
    ...(origin && { origin }),
  };
}

/**
 * Of a mask that was then changed by hand: no prompts give it again. What it began with stays.
 * @param effort with what was spent before; by default that alone
 */
export function byHand(provenance: Provenance | null, effort = added(provenance, NO_EFFORT)): Provenance {
  const model_sha256 = provenance?.model_sha256 ?? null;
  const origin = provenance?.origin;
  return {
    model_sha256,
    mask_index: null,
    predicted_iou: null,
    prompts: null,
    ...counted(effort),
    ...(origin && { origin }),
  };
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

/** Whether a mask that is drawn on was tidied when it was saved; null once its prompts are others. */
export function savedTidied(provenance: Provenance | null, { points, box, mask }: Prompts): boolean | null {
  const saved = provenance?.prompts;
  if (!saved || saved.mask || mask) return null;
  const now = [points.map(({ at: [x, y], label }) => [x, y, label]), box];
  return JSON.stringify(now) === JSON.stringify([saved.points, saved.box])
    ? provenance.tidied === true
    : null;
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
