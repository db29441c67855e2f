import { expect, it } from "vitest";
import { ImageGeometry } from "./geometry.ts";
import { boxOfPlane, cellsOfPlane } from "./plane-box.ts";

const CELLS = 4;
// An image of 8 × 16 pixels in a square of 16: half of the grid's rows are padding.
const geometry = new ImageGeometry({ height: 8, width: 16 }, { image_size: 16, fit: "pad" });
const plane = (...inside: number[]) => {
  const data = new Float32Array(2 * CELLS * CELLS).fill(-1);
  for (const cell of inside) data[CELLS * CELLS + cell] = 1;
  return { data, offset: CELLS * CELLS };
};

it("is around the cells above 0, in image pixels, and counts none of the padding", () => {
  expect(boxOfPlane(plane(1, 6), geometry, CELLS)).toEqual({ left: 4, top: 0, width: 8, height: 8 });
  expect(boxOfPlane(plane(), geometry, CELLS)).toBeNull();
  expect(boxOfPlane(plane(8, 12), geometry, CELLS)).toBeNull();
  expect([cellsOfPlane(plane(1, 6, 8), geometry, CELLS), cellsOfPlane(plane(), geometry, CELLS)]).toEqual([
    2, 0,
  ]);
});
