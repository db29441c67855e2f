/** Between an image and the part of it that the decoder sees: prompts go in, masks come out. */

import { ImageGeometry, type ImageSize, imagePoint } from "../core/geometry.ts";
import { logitsFromMask } from "../core/mask.ts";
import { placed } from "../core/placed.ts";
import type { DecoderPrompts, Prompts } from "../core/prompts.ts";
import type { Region } from "../core/region.ts";
import type { Rle } from "../core/rle.ts";
import type { Manifest } from "../decoder/manifest.ts";

/** Prompts on an image as the decoder takes them, which sees the region, or (null) the whole image. */
export function framed(prompts: Prompts, region: Region | null, model: Manifest): DecoderPrompts {
  const { points, box, mask } = prompts;
  const [x, y] = region ? [region.x, region.y] : [0, 0];
  return {
    points: points.map(({ at, label }) => ({ at: imagePoint(at[0] - x, at[1] - y), label })),
    box: box && [box[0] - x, box[1] - y, box[2] - x, box[3] - y],
    mask: mask && maskLogits(mask, region, model),
  };
}

/** A mask of the region as one of the image; there is none of it outside. */
export function unframed(mask: Rle | null, region: Region | null, image: ImageSize): Rle | null {
  return mask && region ? placed(mask, image, region.x, region.y) : mask;
}

/** A mask of the image as the model takes it: logits over its input; null when nothing of it is seen. */
function maskLogits(mask: Rle, region: Region | null, model: Manifest): Float32Array | null {
  const [height, width] = mask.size;
  const seen = region ? placed(mask, region, -region.x, -region.y) : mask;
  const geometry = new ImageGeometry(region ?? { height, width }, model.input);
  return seen && logitsFromMask(seen, geometry, model.masks.low_res_size);
}
