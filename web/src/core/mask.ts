/** Between logits and saved masks, both ways, without ever laying out the image's pixels. */

import type { ImageGeometry } from "./geometry.ts";
import { imageAxes, type Plane, StretchFinder } from "./logits.ts";
import { forEachStretch, type Rle, RleBuilder } from "./rle.ts";

/** A mask prompt's logit where the mask is; its negative where it is not. About what SAM itself answers when it is sure. */
export const MASK_PROMPT_LOGIT = 8;

/** The mask at the image's resolution; null when no pixel is in it. */
export function maskFromLogits(plane: Plane, geometry: ImageGeometry, cells: number): Rle | null {
  const finder = new StretchFinder();
  finder.begin(plane, imageAxes(geometry, cells), "columns");
  const builder = new RleBuilder(geometry);
  for (let x = 0; x < geometry.width; x++) {
    const count = finder.find(x);
    for (let index = 0; index < count; index += 2)
      builder.add(x, finder.ends[index]!, finder.ends[index + 1]!);
  }
  return builder.empty ? null : builder.build();
}

/**
 * A saved mask as a mask prompt: logits (cells²) over the padded model input, from −{@link MASK_PROMPT_LOGIT} where a cell
 * holds no mask (padding too) to +{@link MASK_PROMPT_LOGIT} where it is full, in proportion to the covered area.
 */
export function logitsFromMask(rle: Rle, geometry: ImageGeometry, cells: number): Float32Array {
  const valid = geometry.validCells(cells);
  const down = valid.height / geometry.height;
  const right = valid.width / geometry.width;
  const covered = new Float32Array(cells * cells); // area of mask per cell, in cells
  forEachStretch(rle, (column, top, bottom) => {
    const lastX = Math.min(Math.ceil((column + 1) * right), cells);
    for (let x = Math.floor(column * right); x < lastX; x++) {
      const wide = Math.min((column + 1) * right, x + 1) - Math.max(column * right, x);
      const lastY = Math.min(Math.ceil(bottom * down), cells);
      for (let y = Math.floor(top * down); y < lastY; y++) {
        const high = Math.min(bottom * down, y + 1) - Math.max(top * down, y);
        covered[y * cells + x]! += wide * high;
      }
    }
  });
  return covered.map((area) => MASK_PROMPT_LOGIT * (2 * Math.min(area, 1) - 1));
}
