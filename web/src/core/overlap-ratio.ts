/** How much two masks are the same. */

import { ColumnMask } from "./column-mask.ts";
import { intersect } from "./combine.ts";
import { intersection } from "./pixel-box.ts";
import { area, boundingBox, type Rle } from "./rle.ts";

/** IoU above which two masks are of the same object. */
const SAME = 0.7;

/** Share of the smaller mask's pixels from which one mask lies in the other. */
const NESTED = 0.8;

/** IoU of two masks of one image, 0 to 1; 0 where both are empty. */
export function maskIou(a: Rle, b: Rle): number {
  const common = commonArea(a, b);
  return common === 0 ? 0 : common / (area(a) + area(b) - common);
}

/** Whether one of two masks lies in the other, all but a fifth of it. */
export function isNested(a: Rle, b: Rle): boolean {
  const smaller = Math.min(area(a), area(b));
  const box = intersection(boundingBox(a), boundingBox(b));
  if (smaller === 0 || !box || box.width * box.height < NESTED * smaller) return false;
  return commonArea(a, b) >= NESTED * smaller;
}

/** Pixels that both masks have. */
function commonArea(a: Rle, b: Rle): number {
  if (!intersection(boundingBox(a), boundingBox(b))) return 0;
  return area(intersect(ColumnMask.from(a), ColumnMask.from(b)).toRle());
}

/** Whether two masks are of the same object; decided by areas and boxes where these say enough. */
export function isSame(a: Rle, b: Rle): boolean {
  const [areaA, areaB] = [area(a), area(b)];
  if (Math.min(areaA, areaB) <= SAME * Math.max(areaA, areaB)) return false;
  const box = intersection(boundingBox(a), boundingBox(b));
  if (!box || box.width * box.height <= SAME * Math.max(areaA, areaB)) return false;
  return maskIou(a, b) > SAME;
}
