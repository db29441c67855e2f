/** A mask on another canvas: an image, or the part of one that is encoded on its own. */

import { ColumnMask, ColumnMaskBuilder } from "./column-mask.ts";
import type { ImageSize } from "./geometry.ts";
import type { Rle } from "./rle.ts";

/** A mask moved by whole pixels onto an image of any size; null when nothing of it lies there. */
export function placed(mask: Rle, { height, width }: ImageSize, right: number, down: number): Rle | null {
  const builder = new ColumnMaskBuilder({ height, width });
  ColumnMask.from(mask).eachStretch((column, top, bottom) => {
    const [x, from, to] = [column + right, Math.max(top + down, 0), Math.min(bottom + down, height)];
    if (x >= 0 && x < width && from < to) builder.add(x, from, to);
  });
  const result = builder.build();
  return result.isEmpty ? null : result.toRle();
}
