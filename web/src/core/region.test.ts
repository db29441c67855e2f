import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ImageBox } from "./geometry.ts";
import { imagePoint } from "./geometry.ts";
import { FOREGROUND, NO_PROMPTS } from "./prompts.ts";
import { extentOf, holds, MIN_REGION_SIDE, REGION_GRID, regionFor } from "./region.ts";
import { encode } from "./rle.ts";

const INPUT = 1024;
const side = fc.integer({ min: 200, max: 9000 });

/** An image, and a part of it that is seen. */
const views = fc
  .record({
    width: side,
    height: side,
    at: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 4, maxLength: 4 }),
  })
  .map(({ width, height, at: [a, b, c, d] }) => {
    const xs = [a! * width, c! * width].toSorted((p, q) => p - q);
    const ys = [b! * height, d! * height].toSorted((p, q) => p - q);
    return { image: { width, height }, seen: [xs[0]!, ys[0]!, xs[1]!, ys[1]!] as unknown as ImageBox };
  });

describe("the region for what is seen", () => {
  it("is one that the server takes, shows all that is seen, and is notably smaller than the image", () => {
    fc.assert(
      fc.property(views, ({ image, seen }) => {
        const region = regionFor(seen, image, INPUT);
        if (!region) return;
        const { x, y, width, height } = region;
        const edges = [
          [x, 0],
          [y, 0],
          [x + width, image.width],
          [y + height, image.height],
        ] as const;
        for (const [edge, end] of edges) expect(edge % REGION_GRID === 0 || edge === end).toBe(true);
        expect(x + width).toBeLessThanOrEqual(image.width);
        expect(y + height).toBeLessThanOrEqual(image.height);
        expect(width).toBeGreaterThanOrEqual(Math.min(MIN_REGION_SIDE, image.width));
        expect(height).toBeGreaterThanOrEqual(Math.min(MIN_REGION_SIDE, image.height));
        expect(x).toBeLessThanOrEqual(seen[0]);
        expect(y).toBeLessThanOrEqual(seen[1]);
        expect(x + width).toBeGreaterThanOrEqual(seen[2]);
        expect(y + height).toBeGreaterThanOrEqual(seen[3]);
        expect(Math.max(width, height)).toBeLessThanOrEqual(0.7 * Math.max(image.width, image.height));
        expect(Math.max(width, height)).toBeGreaterThanOrEqual(INPUT / 4);
      }),
      { numRuns: 500 },
    );
  });

  it("is the same for views that differ by less than its grid", () => {
    const image = { width: 6000, height: 4000 };
    const region = regionFor([1000, 700, 2100, 1500], image, INPUT);
    expect(region).toEqual({ x: 896, y: 640, width: 1280, height: 896 });
    expect(regionFor([1010, 720, 2110, 1520], image, INPUT)).toEqual(region);
  });

  it("is none where the whole image serves as well", () => {
    expect(regionFor([0, 0, 900, 700], { width: 1000, height: 800 }, INPUT)).toBeNull(); // the encoder sees every pixel
    expect(regionFor([0, 0, 4000, 3000], { width: 4000, height: 3000 }, INPUT)).toBeNull();
    expect(regionFor([500, 0, 4000, 3000], { width: 4000, height: 3000 }, INPUT)).toBeNull();
    expect(regionFor([500, 500, 800, 700], { width: 4000, height: 3000 }, INPUT)).not.toBeNull();
  });
});

describe("what prompts say", () => {
  const mask = encode({
    height: 50,
    width: 40,
    data: Uint8Array.from({ length: 2000 }, (_, at) => (at % 40 === 30 && at >= 800 ? 1 : 0)),
  });
  const prompts = {
    points: [{ at: imagePoint(12.5, 3), label: FOREGROUND } as const],
    box: [5, 6, 20, 18] as const,
    mask,
  };

  it("is points, box and mask together", () => {
    expect(extentOf(NO_PROMPTS)).toBeNull();
    expect(extentOf(prompts)).toEqual([5, 3, 31, 50]);
  });

  it("lies in a region as a whole or not", () => {
    expect(holds({ x: 5, y: 3, width: 26, height: 47 }, prompts)).toBe(true);
    expect(holds({ x: 6, y: 3, width: 25, height: 47 }, prompts)).toBe(false);
    expect(holds({ x: 5, y: 3, width: 26, height: 46 }, prompts)).toBe(false);
    expect(holds({ x: 900, y: 900, width: 128, height: 128 }, NO_PROMPTS)).toBe(true);
  });
});
