/** Masks as pixels: what painting, brushes and tests work on. Everything stored is RLE, see rle.ts. */

import type { ImageSize } from "./geometry.ts";

/** One byte per pixel, 0 or 1, row-major: pixel (x, y) at `y * width + x`. */
export interface Bitmap extends ImageSize {
  readonly data: Uint8Array;
}

export function createBitmap({ height, width }: ImageSize): Bitmap {
  return { height, width, data: new Uint8Array(height * width) };
}
