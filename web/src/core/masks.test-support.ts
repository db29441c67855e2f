/** Masks for property tests, and what they must agree with: plain pixels. */

import fc from "fast-check";
import type { Bitmap } from "./bitmap.ts";
import { ColumnMask } from "./column-mask.ts";
import { decode, encode } from "./rle.ts";

export const SIDE = 80; // wider than a chunk, so that chunks matter

/** Pixels (height, width) of random blobs and specks. */
export const bitmaps = (height = 37, width = SIDE): fc.Arbitrary<Bitmap> =>
  fc
    .array(
      fc.record({
        x: fc.integer({ min: 0, max: width - 1 }),
        y: fc.integer({ min: 0, max: height - 1 }),
        w: fc.integer({ min: 1, max: 40 }),
        h: fc.integer({ min: 1, max: 20 }),
        value: fc.integer({ min: 0, max: 1 }),
      }),
      { maxLength: 12 },
    )
    .map((boxes) => {
      const data = new Uint8Array(height * width);
      for (const { x, y, w, h, value } of boxes) {
        for (let row = y; row < Math.min(y + h, height); row++) {
          data.fill(value, row * width + x, row * width + Math.min(x + w, width));
        }
      }
      return { height, width, data };
    });

export const maskOf = (bitmap: Bitmap): ColumnMask => ColumnMask.from(encode(bitmap));

export const pixelsOf = (mask: ColumnMask): Uint8Array => decode(mask.toRle()).data;

/** Rows of text, "#" for mask. */
export function maskFromText(...rows: string[]): ColumnMask {
  const data = Uint8Array.from(rows.join(""), (character) => (character === "#" ? 1 : 0));
  return maskOf({ height: rows.length, width: rows[0]!.length, data });
}

export function textOf(mask: ColumnMask): string[] {
  const [height, width] = mask.size;
  const pixels = pixelsOf(mask);
  return Array.from({ length: height }, (_, y) =>
    Array.from(pixels.subarray(y * width, (y + 1) * width), (value) => (value ? "#" : ".")).join(""),
  );
}
