import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type BrushShape, MAX_BRUSH, MIN_BRUSH, snapped, sweep } from "./brush.ts";
import { imagePoint as at } from "./geometry.ts";
import { maskFromText, pixelsOf, textOf } from "./masks.test-support.ts";
import { distanceToSegment } from "./simplify.ts";

const IMAGE = { height: 40, width: 70 };
const place = fc.tuple(
  fc.double({ min: -300, max: 370, noNaN: true }),
  fc.double({ min: -300, max: 340, noNaN: true }),
);
const near = fc.tuple(
  fc.double({ min: -9, max: 80, noNaN: true }),
  fc.double({ min: -9, max: 49, noNaN: true }),
);
const size = fc.oneof(
  fc.integer({ min: MIN_BRUSH, max: 30 }),
  fc.integer({ min: MIN_BRUSH, max: MAX_BRUSH }),
);
const ends = fc.oneof(fc.tuple(near, near), fc.tuple(place, place));

describe("a brush", () => {
  it.each([
    ["round", 1, ["#"]],
    ["round", 2, ["##", "##"]],
    ["round", 5, [".###.", "#####", "#####", "#####", ".###."]],
    ["square", 3, ["###", "###", "###"]],
    ["square", 4, ["####", "####", "####", "####"]],
  ] as const)("%s of %i px covers that many pixels across, wherever it is", (shape, size, rows) => {
    fc.assert(
      fc.property(
        fc.double({ min: 10, max: 60, noNaN: true }),
        fc.double({ min: 10, max: 30, noNaN: true }),
        (x, y) => {
          const mask = sweep(at(x, y), at(x, y), size, shape, IMAGE);
          const { left, top, width, height } = mask.box;
          const text = textOf(mask).slice(top, top + height);
          expect(text.map((row) => row.slice(left, left + width))).toEqual(rows);
          expect(Math.abs(left + size / 2 - x)).toBeLessThanOrEqual(0.5);
          expect(Math.abs(top + size / 2 - y)).toBeLessThanOrEqual(0.5);
        },
      ),
    );
  });

  it("of one pixel paints the pixel under the pointer", () => {
    expect(textOf(sweep(at(1.9, 0.1), at(1.9, 0.1), 1, "round", { height: 2, width: 3 }))).toEqual([
      ".#.",
      "...",
    ]);
  });

  it.each(["round", "square"] as BrushShape[])(
    "%s paints exactly the pixels that it passes over",
    (shape) => {
      fc.assert(
        fc.property(ends, size, ([[ax, ay], [bx, by]], size) => {
          const [a, b] = [snapped(at(ax, ay), size), snapped(at(bx, by), size)];
          const pixels = pixelsOf(sweep(at(ax, ay), at(bx, by), size, shape, IMAGE));
          const wrong = pixels.findIndex((value, index) => {
            const centre = at((index % IMAGE.width) + 0.5, Math.floor(index / IMAGE.width) + 0.5);
            const distance =
              shape === "round" ? distanceToSegment(centre, a, b) : squareDistance(centre, a, b);
            return Math.abs(distance - size / 2) > 1e-6 && (value === 1) !== distance < size / 2;
          });
          expect(wrong).toBe(-1);
        }),
        { numRuns: 200 },
      );
    },
  );

  it("draws a line one pixel wide without gaps", () => {
    expect(textOf(sweep(at(0.5, 0.5), at(5.5, 2.5), 1, "round", { height: 3, width: 6 }))).toEqual(
      textOf(maskFromText("##....", "..##..", "....##")),
    );
  });
});

/** Largest of the distances along both axes to the nearest place of a segment, by looking at many places. */
function squareDistance(
  [x, y]: readonly [number, number],
  [ax, ay]: readonly [number, number],
  [bx, by]: readonly [number, number],
): number {
  const at = (t: number) => Math.max(Math.abs(x - ax - t * (bx - ax)), Math.abs(y - ay - t * (by - ay)));
  let [low, high] = [0, 1]; // the distance is convex along the segment
  for (let step = 0; step < 60; step++) {
    const [one, other] = [low + (high - low) / 3, high - (high - low) / 3];
    if (at(one) <= at(other)) high = other;
    else low = one;
  }
  return at((low + high) / 2);
}
