import { expect, it } from "vitest";
import { outlinePath } from "./outline-path.ts";
import { encode } from "./rle.ts";

it("is a closed path around the mask, and nothing for an empty one", () => {
  const pixels = { width: 6, height: 5, data: new Uint8Array(30) };
  expect(outlinePath(encode(pixels))).toBe("");
  for (const [x, y] of [
    [1, 1],
    [2, 1],
    [1, 2],
    [2, 2],
  ] as const)
    pixels.data[y * 6 + x] = 1;
  const path = outlinePath(encode(pixels));
  const numbers = (path.match(/[\d.]+/g) ?? []).map(Number);
  expect(path).toMatch(/^M[^M]+Z$/);
  expect([Math.min(...numbers), Math.max(...numbers)]).toEqual([1, 3]);
});
