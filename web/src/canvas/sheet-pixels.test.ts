import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bitmaps, maskOf } from "../core/masks.test-support.ts";
import { encode } from "../core/rle.ts";
import { BoxCache, type ColouredMask, SheetPixels } from "./sheet-pixels.ts";

const SIZE = { height: 37, width: 80 };
const COLOURS = ["#ff0000", "#00ff00", "#0000ff"];

const place = fc.record({
  x: fc.integer({ min: 0, max: SIZE.width - 1 }),
  y: fc.integer({ min: 0, max: SIZE.height - 1 }),
  value: fc.integer({ min: 0, max: 1 }),
});

/** A mask as read, and as it is after each of some dabs of a brush or an eraser; the first one in two colours. */
const family = fc
  .tuple(bitmaps(), fc.array(place, { maxLength: 3 }), fc.constantFrom(0, 1))
  .map(([bitmap, dabs, first]): ColouredMask[] => {
    const data = bitmap.data.slice();
    const edited = dabs.map(({ x, y, value }) => {
      for (let row = y; row < Math.min(y + 5, SIZE.height); row++)
        data.fill(value, row * SIZE.width + x, row * SIZE.width + Math.min(x + 5, SIZE.width));
      return maskOf({ ...SIZE, data: data.slice() });
    });
    const masks: ColouredMask[] = [encode(bitmap), ...edited].map((segmentation) => ({
      segmentation,
      colour: COLOURS[first]!,
    }));
    const recoloured = [masks[0]!, masks.at(-1)!].map((mask) => ({ ...mask, colour: COLOURS[2]! }));
    return [...masks, ...recoloured];
  });

/** Lists of one mask per family, in order or not, from one to the next with some exchanged, added or gone. */
const lists = fc.array(family, { minLength: 1, maxLength: 4 }).chain((families) => {
  const some = families.map((masks) => fc.constantFrom(...masks));
  const inOrder = fc.tuple(...some);
  const any = fc.array(fc.oneof(...some), { maxLength: 5 });
  const alpha = fc.constantFrom(0.5, 0.5, 0.5, 0);
  return fc.array(fc.tuple(fc.oneof(inOrder, any), alpha), { minLength: 2, maxLength: 6 });
});

const grids = fc
  .tuple(fc.constantFrom(1, 1.7, 2, 3.3), fc.constantFrom(0, 7), fc.constantFrom(0, 5))
  .map(([step, left, top]) => ({
    left,
    top,
    step,
    width: Math.ceil((SIZE.width - left) / step),
    height: Math.ceil((SIZE.height - top) / step),
  }));

describe("a sheet of masks", () => {
  it("shows after any changes what a new sheet shows, and paints nothing outside the rectangle it says", () => {
    fc.assert(
      fc.property(lists, grids, (steps, grid) => {
        const boxes = new BoxCache();
        const sheet = new SheetPixels(grid, boxes);
        for (const [masks, alpha] of steps) {
          const before = sheet.pixels.slice();
          const dirty = sheet.show(masks, alpha);
          const fresh = new SheetPixels(grid, boxes);
          fresh.show(masks, alpha);
          expect(sheet.pixels).toEqual(fresh.pixels);
          const outside = before.findIndex((value, index) => {
            const [x, y] = [index % grid.width, Math.floor(index / grid.width)];
            const inside =
              dirty &&
              x >= dirty.left &&
              y >= dirty.top &&
              x < dirty.left + dirty.width &&
              y < dirty.top + dirty.height;
            return !inside && value !== sheet.pixels[index];
          });
          expect(outside).toBe(-1);
        }
      }),
      { numRuns: 200 },
    );
  });

  it("paints a stroke's surroundings only, and nothing when all is as it was", () => {
    const grid = { left: 0, top: 0, step: 1, ...SIZE };
    const at = (from: number, to: number) =>
      maskOf({ ...SIZE, data: new Uint8Array(SIZE.height * SIZE.width).fill(1, from, to) });
    const [whole, rest, other] = [at(0, 2400), at(0, 2397), at(100, 300)].map((segmentation) => ({
      segmentation,
      colour: "#00ff00",
    }));
    const sheet = new SheetPixels(grid, new BoxCache());
    sheet.show([whole!, other!], 0.5);
    expect(sheet.show([rest!, other!], 0.5)).toEqual({ left: 76, top: 28, width: 4, height: 3 });
    expect(sheet.show([rest!, other!], 0.5)).toBeNull();
  });
});
