/** Reading the decoder's answers: which masks there are, which one is shown, and what becomes of it. */

import { ImageGeometry, type ImageSize } from "../core/geometry.ts";
import type { Plane } from "../core/logits.ts";
import { maskFromLogits } from "../core/mask.ts";
import { chooseMask, type DecoderPrompts, masksToOffer, type Prompts } from "../core/prompts.ts";
import type { Region } from "../core/region.ts";
import type { Rle } from "../core/rle.ts";
import { tidyPlane } from "../core/tidy.ts";
import type { Decoded } from "../decoder/decoder.ts";
import type { Manifest } from "../decoder/manifest.ts";
import { unframed } from "./framing.ts";
import type { Candidate } from "./types.ts";

export interface Answer {
  /** Those that were asked about, by identity. */
  readonly prompts: Prompts;
  readonly decoded: Decoded;
  /** What the decoder saw; null for the whole image. */
  readonly region: Region | null;
  /** Its masks without the parts and holes that nobody asked for; null where they are taken as the decoder answered. */
  readonly tidied: TidiedMasks | null;
}

/** Tidied when they are first looked at: most of what a hovering pointer brings never is. */
export class TidiedMasks {
  private readonly planes = new Map<number, Plane>();

  /**
   * @param prompts as the decoder got them
   * @param seen the size of what the decoder saw
   */
  constructor(
    private readonly decoded: Decoded,
    private readonly prompts: DecoderPrompts,
    private readonly seen: ImageSize,
    private readonly model: Manifest,
  ) {}

  plane(index: number): Plane {
    const known = this.planes.get(index);
    if (known) return known;
    const { input, masks } = this.model;
    const geometry = new ImageGeometry(this.seen, input);
    const plane = tidyPlane(decodedPlane(this.decoded, index), geometry, masks.low_res_size, this.prompts);
    this.planes.set(index, plane);
    return plane;
  }
}

/** The mask to show as long as nobody chose another. */
export function bestOf({ decoded, prompts }: Answer): number {
  return chooseMask(decoded.iou, prompts, decoded.masks);
}

/** Whether the model says that there is no object where it was asked. */
export function seesNothing({ decoded: { objectScore } }: Answer): boolean {
  return objectScore !== null && objectScore < 0;
}

/** What Tab walks through: the one that is shown first, then the others, best first. */
export function candidatesOf(answer: Answer): Candidate[] {
  const { iou, masks } = answer.decoded;
  const best = bestOf(answer);
  const rank = (index: number) => (index === best ? Number.POSITIVE_INFINITY : iou[index]!);
  const offered = masksToOffer(answer.prompts, masks).toSorted((a, b) => rank(b) - rank(a));
  return offered.map((index) => ({
    index,
    iou: iou[index]!,
    plane: planeOf(answer, index),
  }));
}

/** What is painted of a mask, and saved. */
export function planeOf({ decoded, tidied }: Answer, index: number): Plane {
  return tidied ? tidied.plane(index) : decodedPlane(decoded, index);
}

function decodedPlane({ lowRes, iou }: Decoded, index: number): Plane {
  return { data: lowRes, offset: (index * lowRes.length) / iou.length };
}

/** The mask at the image's resolution, null when no pixel is in it. */
export function maskOf(answer: Answer, index: number, image: ImageSize, model: Manifest): Rle | null {
  const geometry = new ImageGeometry(answer.region ?? image, model.input);
  const mask = maskFromLogits(planeOf(answer, index), geometry, model.masks.low_res_size);
  return unframed(mask, answer.region, image);
}
