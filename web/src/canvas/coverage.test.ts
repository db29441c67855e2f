import fc from "fast-check";
import { expect, it } from "vitest";
import { bitmaps, maskOf } from "../core/masks.test-support.ts";
import { coverage } from "./coverage.ts";

it("is the mean of the pixels under each pixel of the grid, wherever that lies", () => {
  const offset = fc.integer({ min: -20, max: 60 });
  fc.assert(
    fc.property(bitmaps(), offset, offset, fc.constantFrom(0.5, 1, 2, 3, 7), (bitmap, left, top, step) => {
      const [height, width] = [9, 11];
      const shares = coverage(maskOf(bitmap), { left, top, step, width, height });
      const fine = Math.max(step, 1); // samples along a side, in the middle of image pixels or of parts of them
      shares.forEach((share, index) => {
        const [column, row] = [index % width, Math.floor(index / width)];
        let sum = 0;
        for (let sample = 0; sample < fine * fine; sample++) {
          const x = Math.floor(left + (column + ((sample % fine) + 0.5) / fine) * step);
          const y = Math.floor(top + (row + (Math.floor(sample / fine) + 0.5) / fine) * step);
          const inside = x >= 0 && y >= 0 && x < bitmap.width && y < bitmap.height;
          if (inside) sum += bitmap.data[y * bitmap.width + x]!;
        }
        expect(share).toBeCloseTo(sum / (fine * fine), 5);
      });
    }),
  );
});
