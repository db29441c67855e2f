import { expect, it } from "vitest";
import { imagePoint, screenPoint } from "../core/geometry.ts";
import { NO_PROMPTS, type Prompts } from "../core/prompts.ts";
import { markerAt } from "./markers.ts";

it("finds the marker under the pointer at any zoom, the topmost first", () => {
  const prompts: Prompts = {
    ...NO_PROMPTS,
    points: [
      { at: imagePoint(10, 10), label: 1 },
      { at: imagePoint(12, 10), label: 0 },
    ],
  };
  expect(markerAt(prompts, screenPoint(11, 10), { scale: 1, x: 0, y: 0 })).toBe(1);
  expect(markerAt(prompts, screenPoint(105, 100), { scale: 10, x: 0, y: 0 })).toBe(0);
  expect(markerAt(prompts, screenPoint(110, 110), { scale: 10, x: 0, y: 0 })).toBeNull();
});
