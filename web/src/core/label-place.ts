/** Where the name of an object stands on its mask. */

import { type ImagePoint, imagePoint } from "./geometry.ts";
import type { PixelBox } from "./pixel-box.ts";
import { forEachStretch, type Rle } from "./rle.ts";

/**
 * A point well inside: the middle of the mask's longest stretch in a column, where one near the middle of its box is
 * preferred. In image pixels.
 *
 * @param box the mask's bounding box
 */
export function labelPlace(mask: Rle, box: PixelBox): ImagePoint {
  const middle = box.left + box.width / 2;
  let [x, y, best] = [middle, box.top + box.height / 2, Number.NEGATIVE_INFINITY];
  forEachStretch(mask, (column, top, bottom) => {
    const worth = bottom - top - Math.abs(column + 0.5 - middle);
    if (worth <= best) return;
    [x, y, best] = [column + 0.5, (top + bottom) / 2, worth];
  });
  return imagePoint(x, y);
}
