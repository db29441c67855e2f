import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Bitmap } from "./bitmap.ts";
import { dropIslandAt, dropIslands, fillHoleAt, fillHoles, partsOf } from "./components.ts";
import { imagePoint } from "./geometry.ts";
import { bitmaps, maskFromText, maskOf, pixelsOf, textOf } from "./masks.test-support.ts";
import { reshape } from "./morphology.ts";

const noise = fc
  .uint8Array({ minLength: 23 * 41, maxLength: 23 * 41, max: 1 })
  .map((data) => ({ height: 23, width: 41, data }));
const RING = ["#####..", "#...#.#", "#.#.#..", "#...#..", "#####.."];

describe("parts and holes", () => {
  it("fills what is enclosed and leaves what is open", () => {
    expect(textOf(fillHoles(maskFromText(...RING)))).toEqual([
      "#####..",
      "#####.#",
      "#####..",
      "#####..",
      "#####..",
    ]);
    expect(textOf(fillHoles(maskFromText("###", "#..", "###")))).toEqual(["###", "#..", "###"]);
  });

  it("fills only holes up to a size", () => {
    const mask = maskFromText("#######", "#.##..#", "#######");
    expect(textOf(fillHoles(mask, 1))).toEqual(["#######", "####..#", "#######"]);
  });

  it("fills one hole, and says when there is none", () => {
    const mask = maskFromText("#######", "#.##..#", "#######");
    expect(textOf(fillHoleAt(mask, imagePoint(4.2, 1.9))!)).toEqual(["#######", "#.#####", "#######"]);
    expect(fillHoleAt(mask, imagePoint(0.5, 0.5))).toBeNull();
    expect(fillHoleAt(maskFromText("#.#"), imagePoint(1.5, 0.5))).toBeNull();
  });

  it("takes pixels at a corner for one part, but not for a gap in what encloses a hole", () => {
    const diamond = maskFromText(".#.", "#.#", ".#.");
    expect(partsOf(diamond)).toHaveLength(1);
    expect(textOf(fillHoles(diamond))).toEqual([".#.", "###", ".#."]);
  });

  it("drops small parts, or the one at a place", () => {
    expect(textOf(dropIslands(maskFromText(...RING), 2))[2]).toBe("#...#..");
    expect(textOf(dropIslandAt(maskFromText("##.#"), imagePoint(3.5, 0.5))!)).toEqual(["##.."]);
    expect(dropIslandAt(maskFromText("##.#"), imagePoint(2.5, 0.5))).toBeNull();
  });

  it("fills, and drops, exactly the sets of pixels that hang together", () => {
    const speck = fc.integer({ min: 1, max: 60 });
    fc.assert(
      fc.property(fc.oneof(bitmaps(23, 41), noise), speck, fc.nat(), (bitmap, pixels, index) => {
        const { height, width, data } = bitmap;
        const mask = maskOf(bitmap);
        const holes = setsOf(bitmap, 0, false).filter((set) => !set.some((at) => isAtBorder(at, bitmap)));
        const parts = setsOf(bitmap, 1, true);
        const changed = (sets: number[][], value: number) => {
          const result = data.slice();
          for (const at of sets.flat()) result[at] = value;
          return result;
        };
        expect(pixelsOf(fillHoles(mask))).toEqual(changed(holes, 1));
        expect(pixelsOf(fillHoles(mask, pixels))).toEqual(
          changed(
            holes.filter((set) => set.length <= pixels),
            1,
          ),
        );
        const small = parts.filter((set) => set.length < pixels);
        expect(pixelsOf(dropIslands(mask, pixels))).toEqual(changed(small, 0));
        const at = index % (height * width);
        const place = imagePoint((at % width) + 0.5, Math.floor(at / width) + 0.5);
        const hole = holes.find((set) => set.includes(at));
        const part = parts.find((set) => set.includes(at));
        const [filled, dropped] = [fillHoleAt(mask, place), dropIslandAt(mask, place)];
        expect(filled && pixelsOf(filled)).toEqual(hole ? changed([hole], 1) : null);
        expect(dropped && pixelsOf(dropped)).toEqual(part ? changed([part], 0) : null);
      }),
      { numRuns: 30 },
    );
  });

  it("splits into parts that add up, the largest first", () => {
    fc.assert(
      fc.property(bitmaps(), (bitmap) => {
        const parts = partsOf(maskOf(bitmap));
        const areas = parts.map(({ area }) => area);
        expect(areas).toEqual(areas.toSorted((a, b) => b - a));
        const sum = new Uint8Array(bitmap.data.length);
        for (const part of parts)
          pixelsOf(part).forEach((value, index) => {
            sum[index]! += value;
          });
        expect(sum).toEqual(bitmap.data);
      }),
    );
  });
});

describe("reshaping", () => {
  it("grows to all pixels within the radius, and shrinks as the background grows", () => {
    fc.assert(
      fc.property(bitmaps(23, 41), fc.integer({ min: 1, max: 5 }), (bitmap, radius) => {
        const grown = grownByHand(bitmap.data, bitmap.width, radius);
        expect(pixelsOf(reshape(maskOf(bitmap), "grow", radius))).toEqual(grown);
        const background = bitmap.data.map((value) => 1 - value);
        const shrunk = grownByHand(background, bitmap.width, radius).map((value) => 1 - value);
        expect(pixelsOf(reshape(maskOf(bitmap), "shrink", radius))).toEqual(shrunk);
      }),
      { numRuns: 30 },
    );
  });

  it("smooths by an opening and a closing, what is at the border going on beyond it", () => {
    fc.assert(
      fc.property(bitmaps(13, 17), fc.integer({ min: 1, max: 2 }), (bitmap, radius) => {
        const margin = 4 * radius;
        const wide = bitmap.width + 2 * margin;
        const go = (value: number, length: number) => Math.min(Math.max(value - margin, 0), length - 1);
        let pixels: Uint8Array = Uint8Array.from(
          { length: wide * (bitmap.height + 2 * margin) },
          (_, index) => {
            const [x, y] = [go(index % wide, bitmap.width), go(Math.floor(index / wide), bitmap.height)];
            return bitmap.data[y * bitmap.width + x]!;
          },
        );
        const inverted = (values: Uint8Array) => values.map((value) => 1 - value);
        const grow = () => (pixels = grownByHand(pixels, wide, radius));
        const shrink = () => (pixels = inverted(grownByHand(inverted(pixels), wide, radius)));
        for (const step of [shrink, grow, grow, shrink]) step();
        const expected = bitmap.data.map((_, index) => {
          const [x, y] = [index % bitmap.width, Math.floor(index / bitmap.width)];
          return pixels[(y + margin) * wide + x + margin]!;
        });
        expect(pixelsOf(reshape(maskOf(bitmap), "smooth", radius))).toEqual(expected);
      }),
      { numRuns: 30 },
    );
  });

  it("smooths away spikes and cracks", () => {
    const mask = maskFromText(
      "..............",
      "..#####.#####.",
      "..#####.#####.",
      "..#####.#####.",
      "#############.",
      "..###########.",
      "..###########.",
      "..............",
    );
    const text = textOf(reshape(mask, "smooth", 1));
    expect(text[4]).toBe(".############.");
    expect(text[3]).toBe("..###########.");
  });

  it("keeps an object that fills the image, or is cut off by its border", () => {
    const cut = maskFromText("###...", "###...", "###...");
    for (const how of ["shrink", "smooth"] as const) expect(reshape(cut, how, 1).contains(0, 0)).toBe(true);
    expect(textOf(reshape(cut, "smooth", 3))).toEqual(textOf(cut));
  });
});

/** Pixels of a value that hang together, by a flood from each. @param corners whether pixels that share a corner do */
function setsOf({ height, width, data }: Bitmap, value: number, corners: boolean): number[][] {
  const seen = new Uint8Array(data.length);
  const sets: number[][] = [];
  data.forEach((each, start) => {
    if (each !== value || seen[start]) return;
    const set = [start];
    seen[start] = 1;
    for (let next = 0; next < set.length; next++) {
      const [x, y] = [set[next]! % width, Math.floor(set[next]! / width)];
      for (let dy = -1; dy <= 1; dy++) {
        for (let dx = -1; dx <= 1; dx++) {
          const inside = x + dx >= 0 && y + dy >= 0 && x + dx < width && y + dy < height;
          const at = (y + dy) * width + x + dx;
          if (!inside || seen[at] || data[at] !== value || (!corners && dx !== 0 && dy !== 0)) continue;
          seen[at] = 1;
          set.push(at);
        }
      }
    }
    sets.push(set);
  });
  return sets;
}

function isAtBorder(at: number, { height, width }: Bitmap): boolean {
  const [x, y] = [at % width, Math.floor(at / width)];
  return x === 0 || y === 0 || x === width - 1 || y === height - 1;
}

function grownByHand(data: Uint8Array, width: number, radius: number): Uint8Array {
  return data.map((_, index) => {
    const [x, y] = [index % width, Math.floor(index / width)];
    return data.some(
      (value, other) =>
        value === 1 && ((other % width) - x) ** 2 + (Math.floor(other / width) - y) ** 2 <= radius * radius,
    )
      ? 1
      : 0;
  });
}
