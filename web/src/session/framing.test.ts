import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ImageGeometry, imagePoint } from "../core/geometry.ts";
import { modelInputs, type Prompts } from "../core/prompts.ts";
import { decode, encode } from "../core/rle.ts";
import { MANIFEST } from "../decoder/embedding.test-support.ts";
import { maskOf } from "./answers.ts";
import { framed } from "./framing.ts";

const IMAGE = { height: 90, width: 120 };
const CELLS = MANIFEST.masks.low_res_size;

const regions = fc
  .record({
    x: fc.integer({ min: 0, max: 80 }),
    y: fc.integer({ min: 0, max: 60 }),
    width: fc.integer({ min: 20, max: 40 }),
    height: fc.integer({ min: 20, max: 30 }),
  })
  .map(({ x, y, width, height }) => ({ x, y, width, height }));

describe("a decoder that sees a region", () => {
  it("is asked about the same spots: where they lie in the region, they lie in its model input", () => {
    fc.assert(
      fc.property(
        regions,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (region, right, down) => {
          const at = imagePoint(region.x + right * region.width, region.y + down * region.height);
          const prompts: Prompts = {
            points: [{ at, label: 1 }],
            box: [region.x, region.y, at[0], at[1]],
            mask: null,
          };
          const geometry = new ImageGeometry(region, MANIFEST.input);
          const { pointCoords } = modelInputs(framed(prompts, region, MANIFEST), geometry, MANIFEST.prompts);
          const expected = [right * geometry.inputWidth, down * geometry.inputHeight];
          for (const [index, value] of [...expected, 0, 0, ...expected].entries()) {
            expect(pointCoords[index]).toBeCloseTo(value, 3);
          }
        },
      ),
    );
  });

  it("answers with masks on the right pixels, and none outside", () => {
    fc.assert(
      fc.property(regions, fc.integer({ min: 0, max: 2 ** 31 }), (region, seed) => {
        const geometry = new ImageGeometry(region, MANIFEST.input);
        const valid = geometry.validCells(CELLS);
        const [centreX, centreY] = [(seed % 7) / 7, (seed % 11) / 11];
        const lowRes = Float32Array.from({ length: CELLS * CELLS }, (_, cell) => {
          const x = ((cell % CELLS) + 0.5) / valid.width;
          const y = (Math.floor(cell / CELLS) + 0.5) / valid.height;
          return 0.3 - Math.hypot(x - centreX, y - centreY);
        });
        const decoded = {
          lowRes,
          iou: new Float32Array([1]),
          objectScore: null,
          masks: MANIFEST.masks,
          milliseconds: 1,
        };
        const answer = { prompts: { points: [], box: null, mask: null }, decoded, region, tidied: null };
        const mask = maskOf(answer, 0, IMAGE, MANIFEST);
        const alone = maskOf({ ...answer, region: null }, 0, region, MANIFEST);
        expect(mask === null).toBe(alone === null);
        if (!mask || !alone) return;
        const [whole, part] = [decode(mask), decode(alone)];
        expect([whole.height, whole.width]).toEqual([IMAGE.height, IMAGE.width]);
        for (let y = 0; y < IMAGE.height; y++) {
          for (let x = 0; x < IMAGE.width; x++) {
            const [inX, inY] = [x - region.x, y - region.y];
            const inside = inX >= 0 && inY >= 0 && inX < region.width && inY < region.height;
            const expected = inside ? part.data[inY * region.width + inX] : 0;
            if (whole.data[y * IMAGE.width + x] !== expected) expect.fail(`pixel ${x}, ${y}`);
          }
        }
      }),
      { numRuns: 50 },
    );
  });

  it("gets a mask as it lies in the region, as sharp as the region is", () => {
    const data = new Uint8Array(IMAGE.height * IMAGE.width);
    for (let y = 40; y < 50; y++) data.fill(1, y * IMAGE.width + 60, y * IMAGE.width + 75);
    const mask = encode({ ...IMAGE, data });
    const region = { x: 50, y: 30, width: 40, height: 40 };
    const logits = framed({ points: [], box: null, mask }, region, MANIFEST).mask!;
    const perPixel = CELLS / 40;
    const cell = (x: number, y: number) =>
      logits[Math.floor((y - 30) * perPixel) * CELLS + Math.floor((x - 50) * perPixel)];
    expect(cell(60.5, 40.5)).toBe(8);
    expect(cell(74.5, 49.5)).toBe(8);
    expect(cell(59.5, 45)).toBe(-8);
    expect(cell(75.5, 45)).toBe(-8);
    expect(framed({ points: [], box: null, mask }, { ...region, x: 0, y: 0 }, MANIFEST).mask).toBeNull();
  });
});
