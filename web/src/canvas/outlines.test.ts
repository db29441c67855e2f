import fc from "fast-check";
import { expect, it } from "vitest";
import { encode } from "../core/rle.ts";
import { smoothOutline } from "../core/smooth-outline.ts";
import { coarse, stepFor } from "./outlines.ts";

const bitmaps = fc
  .tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 }))
  .chain(([height, width]) =>
    fc
      .uint8Array({ minLength: height * width, maxLength: height * width, max: 3 })
      .map((data) => ({ height, width, data: data.map((value) => Number(value > 0)) })),
  );

it("a cell is what the pixel at its middle is, and can be traced", () => {
  fc.assert(
    fc.property(bitmaps, fc.constantFrom(2, 4, 8), (bitmap, step) => {
      const mask = coarse(encode(bitmap), step);
      const [height, width] = mask.size;
      const cells = new Uint8Array(height * width);
      mask.eachStretch((x, top, bottom) => {
        for (let y = top; y < bottom; y++) cells[y * width + x] = 1;
      });
      cells.forEach((cell, index) => {
        const [x, y] = [index % width, Math.floor(index / width)].map((each) => each * step + step / 2);
        const inside = x! < bitmap.width && y! < bitmap.height;
        expect(cell).toBe(inside ? bitmap.data[y! * bitmap.width + x!] : 0);
      });
      expect(smoothOutline(mask).length > 0).toBe(cells.includes(1));
    }),
  );
});

it("cells are no larger than device pixels", () => {
  expect([4, 1, 0.6, 0.5, 0.2].map(stepFor)).toEqual([1, 1, 1, 2, 4]);
});
