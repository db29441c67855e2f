/** How much two masks are the same. */

import { ColumnMask } from "./column-mask.ts";
import { intersect } from "./combine.ts";
import { intersection } from "./pixel-box.ts";
import { area, boundingBox, type Rle } from "./rle.ts";

/** IoU above which two masks are of the same object. */
export const SAME = 0.7;

/** IoU of two masks of one image, 0 to 1; 0 where both are empty. */
export function maskIou(a: Rle, b: Rle): number {
  const [boxA, boxB] = [boundingBox(a), boundingBox(b)];
  if (!intersection(boxA, boxB)) return 0;
  const common = area(intersect(ColumnMask.from(a), ColumnMask.from(b)).toRle());
  return common / (area(a) + area(b) - common);
}

/** Whether two masks are of the same object; decided by areas and boxes where these say enough. */
export function isSame(a: Rle, b: Rle): boolean {
  const [areaA, areaB] = [area(a), area(b)];
  if (Math.min(areaA, areaB) <= SAME * Math.max(areaA, areaB)) return false;
  const box = intersection(boundingBox(a), boundingBox(b));
  if (!box || box.width * box.height <= SAME * Math.max(areaA, areaB)) return false;
  return maskIou(a, b) > SAME;
}
