import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dropIslandAt, dropIslands, fillHoleAt, fillHoles, partsOf } from "./components.ts";
import { imagePoint } from "./geometry.ts";
import { bitmaps, maskFromText, maskOf, pixelsOf, textOf } from "./masks.test-support.ts";
import { reshape } from "./morphology.ts";

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
