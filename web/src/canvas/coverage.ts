/** A mask seen from afar: how much of each pixel of a coarse grid it covers. */

import { forEachStretch, type Rle } from "../core/rle.ts";

/** Output pixels laid over the image. Each shows the image pixel under its middle. */
export interface Grid {
  /** Of the top-left corner, in image pixels. */
  readonly left: number;
  readonly top: number;
  /** Image pixels per output pixel. */
  readonly step: number;
  readonly width: number;
  readonly height: number;
}

/**
 * @param grid its step may be less than 1
 * @returns (height, width) of the grid, 0 to 1
 * @throws RleError
 */
export function coverage(mask: Rle, { left, top, step, width, height }: Grid): Float32Array {
  const shares = new Float32Array(height * width);
  forEachStretch(mask, (column, from, to) => {
    const [x0, x1] = [Math.max((column - left) / step, 0), Math.min((column + 1 - left) / step, width)];
    const [y0, y1] = [Math.max((from - top) / step, 0), Math.min((to - top) / step, height)];
    for (let x = Math.floor(x0); x < x1; x++) {
      const across = Math.min(x1, x + 1) - Math.max(x0, x);
      for (let y = Math.floor(y0); y < y1; y++)
        shares[y * width + x]! += across * (Math.min(y1, y + 1) - Math.max(y0, y));
    }
  });
  return shares;
}
