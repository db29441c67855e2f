import { expect, it } from "vitest";
import { barPlace } from "./bar-place.ts";

const stage = { width: 400, height: 300 };
const bar = { width: 100, height: 40 };
const view = { scale: 2, x: 0, y: 0 };
const box = (left: number, top: number, width: number, height: number) => ({ left, top, width, height });

it("lies below the object, above one that ends low, and at the lower edge of one that fills the stage", () => {
  expect(barPlace(box(80, 20, 40, 50), bar, view, stage)).toEqual([150, 152]);
  expect(barPlace(box(80, 80, 40, 60), bar, view, stage)).toEqual([150, 108]);
  expect(barPlace(box(0, 0, 200, 150), bar, view, stage)).toEqual([150, 252]);
});

it("stays on the stage, wherever the object is", () => {
  expect(barPlace(box(0, 20, 10, 10), bar, view, stage)).toEqual([8, 72]);
  expect(barPlace(box(190, 20, 10, 10), bar, view, stage)).toEqual([292, 72]);
  expect(barPlace(box(0, -400, 10, 10), bar, view, stage)).toEqual([8, 8]);
  expect(barPlace(box(0, 900, 10, 10), bar, view, stage)).toEqual([8, 252]);
  expect(barPlace(null, bar, view, stage)).toEqual([150, 252]);
});
