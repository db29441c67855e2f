import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { imagePoint } from "./geometry.ts";
import { bitmaps, maskFromText, maskOf, pixelsOf, textOf } from "./masks.test-support.ts";
import { maskFromRings, ringsFromMask } from "./polygon.ts";
import { countCorners, distanceToSegment, simplify } from "./simplify.ts";

const noise = fc
  .uint8Array({ minLength: 40 * 23, maxLength: 40 * 23, max: 1 })
  .map((data) => ({ height: 23, width: 40, data }));

describe("mask to polygon", () => {
  it("gives the same mask again, with all its holes and parts", () => {
    fc.assert(
      fc.property(fc.oneof(bitmaps(), noise), (bitmap) => {
        const mask = maskOf(bitmap);
        expect(maskFromRings(ringsFromMask(mask), mask.imageSize).counts).toBe(mask.counts);
      }),
    );
  });

  it("runs along the edges of the pixels, with corners only", () => {
    expect(ringsFromMask(maskFromText("....", ".##.", "...."))).toEqual([
      [
        [1, 1],
        [3, 1],
        [3, 2],
        [1, 2],
      ],
    ]);
  });

  it("gives holes and parts rings of their own, also where they touch at a corner", () => {
    expect(ringsFromMask(maskFromText("###", "#.#", "###"))).toHaveLength(2);
    expect(ringsFromMask(maskFromText("#.", ".#"))).toHaveLength(2);
  });
});

describe("polygon to mask", () => {
  it("takes pixels whose centre is inside, overlaps twice being outside", () => {
    const square = (from: number, to: number) =>
      [imagePoint(from, from), imagePoint(to, from), imagePoint(to, to), imagePoint(from, to)] as const;
    expect(textOf(maskFromRings([square(0.4, 4.6), square(1.6, 3.4)], { height: 5, width: 6 }))).toEqual([
      "#####.",
      "#####.",
      "##.##.",
      "#####.",
      "#####.",
    ]);
  });

  it("takes exactly the pixels whose centre an odd number of edges lies above", () => {
    const coordinate = fc.oneof(
      fc.integer({ min: -8, max: 48 }),
      fc.double({ min: -8, max: 48, noNaN: true }),
    );
    const corner = fc.tuple(coordinate, coordinate).map(([x, y]) => imagePoint(x, y));
    const rings = fc.array(fc.array(corner, { minLength: 3, maxLength: 8 }), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(rings, (polygon) => {
        const size = { height: 37, width: 40 };
        const pixels = pixelsOf(maskFromRings(polygon, size));
        const edges = polygon.flatMap((ring) =>
          ring.map((from, index) => [from, ring[(index + 1) % ring.length]!] as const),
        );
        const wrong = pixels.findIndex((value, index) => {
          const [x, y] = [(index % size.width) + 0.5, Math.floor(index / size.width) + 0.5];
          const crossed = edges.filter(([[x0], [x1]]) => x0 <= x !== x1 <= x);
          const rows = crossed.map(([[x0, y0], [x1, y1]]) => y0 + ((y1 - y0) * (x - x0)) / (x1 - x0));
          const inside = rows.filter((row) => row <= y).length % 2 === 1;
          const isClear = rows.every((row) => Math.abs(row - y) > 1e-9); // else rounding decides
          return isClear && (value === 1) !== inside;
        });
        expect(wrong).toBe(-1);
      }),
      { numRuns: 300 },
    );
  });

  it("cuts off what lies outside the image", () => {
    const ring = [imagePoint(-5, -5), imagePoint(9, -5), imagePoint(9, 9), imagePoint(-5, 9)];
    expect(textOf(maskFromRings([ring], { height: 2, width: 3 }))).toEqual(["###", "###"]);
  });
});

describe("simplify", () => {
  it("keeps every corner that was left out within the tolerance", () => {
    fc.assert(
      fc.property(bitmaps(), fc.double({ min: 0.1, max: 8, noNaN: true }), (bitmap, tolerance) => {
        for (const ring of ringsFromMask(maskOf(bitmap))) {
          const [simpler] = simplify([ring], tolerance);
          if (simpler === ring) continue;
          expect(simpler!.length).toBeLessThanOrEqual(ring.length);
          for (const corner of ring) {
            const distances = simpler!.map((from, index) =>
              distanceToSegment(corner, from, simpler![(index + 1) % simpler!.length]!),
            );
            expect(Math.min(...distances)).toBeLessThanOrEqual(tolerance + 1e-9);
          }
        }
      }),
    );
  });

  it("has fewer corners the more is tolerated, and keeps the largest ring", () => {
    const stairs = ringsFromMask(
      maskFromText("#.......", "##......", "###.....", "####....", "#####...", "######.#"),
    );
    const counts = [0, 0.8, 2, 100].map((tolerance) => countCorners(simplify(stairs, tolerance)));
    expect(counts).toEqual(counts.toSorted((a, b) => b - a));
    expect(counts[0]).toBeGreaterThan(counts[1]!);
    expect(counts[3]).toBeGreaterThan(2);
  });
});
