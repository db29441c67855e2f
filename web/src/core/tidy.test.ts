import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Fit, type ImageBox, ImageGeometry, type ImageSize, imagePoint } from "./geometry.ts";
import type { Plane } from "./logits.ts";
import { maskFromLogits } from "./mask.ts";
import { BACKGROUND, type DecoderPrompts, FOREGROUND, NO_PROMPTS, type PointLabel } from "./prompts.ts";
import { contains } from "./rle.ts";
import { tidyPlane } from "./tidy.ts";
import { goldenCases, randomNumbers } from "./vectors.test-support.ts";

interface Case extends ImageSize {
  image_size: number;
  fit: Fit;
  points: [number, number][];
  labels: PointLabel[];
  box: ImageBox | null;
  rows: string[];
  mask_prompt: string[] | null;
  tidied: string[];
}

const CELLS = 16;
const LOGITS: Readonly<Record<string, number>> = { "#": 2, ".": -2, o: 1, x: -1 };
const fromRows = (rows: readonly string[]) =>
  Float32Array.from(rows.join(""), (character) => LOGITS[character]!);
const valuesOf = ({ data, offset }: Plane) => data.slice(offset, offset + CELLS * CELLS);

describe("tidied masks", () => {
  it.each(goldenCases<Case>("tidy").map((golden, number) => [number, golden] as const))(
    "are those of the golden vectors: %i",
    (_, golden) => {
      const geometry = new ImageGeometry(golden, golden);
      const prompts: DecoderPrompts = {
        points: golden.points.map(([x, y], index) => ({
          at: imagePoint(x, y),
          label: golden.labels[index]!,
        })),
        box: golden.box,
        mask: golden.mask_prompt && fromRows(golden.mask_prompt),
      };
      const before = fromRows(golden.rows);
      const data = new Float32Array(3 * before.length);
      data.set(before, before.length); // a plane of several
      const plane = { data, offset: before.length };
      const tidied = tidyPlane(plane, geometry, CELLS, prompts);
      expect(valuesOf(tidied)).toEqual(fromRows(golden.tidied));
      expect(valuesOf(plane)).toEqual(before); // what the decoder answered is not touched
      expect(tidied === plane).toBe(golden.rows.join() === golden.tidied.join());
    },
  );

  it("keep what was clicked, are never empty where there was a mask, and stay when tidied again", () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    const label = fc.constantFrom(BACKGROUND, FOREGROUND);
    fc.assert(
      fc.property(
        fc.record({ height: fc.integer({ min: 1, max: 90 }), width: fc.integer({ min: 1, max: 90 }) }),
        fc.constantFrom<Fit>("pad", "stretch"),
        fc.array(fc.tuple(share, share, label), { maxLength: 4 }),
        fc.boolean(),
        fc.nat(),
        fc.double({ min: 0.1, max: 0.9, noNaN: true }),
        (size, fit, clicks, boxed, seed, density) => {
          const random = randomNumbers(seed);
          const data = Float32Array.from({ length: CELLS * CELLS }, () => density - random());
          const geometry = new ImageGeometry(size, { image_size: 64, fit });
          const prompts: DecoderPrompts = {
            ...NO_PROMPTS,
            points: clicks.map(([x, y, each]) => ({
              at: imagePoint(x * size.width, y * size.height),
              label: each,
            })),
            box: boxed ? [0, 0, size.width, size.height] : null,
          };
          const plane = { data, offset: 0 };
          const tidied = tidyPlane(plane, geometry, CELLS, prompts);
          expect(tidyPlane(tidied, geometry, CELLS, prompts)).toBe(tidied);
          const [before, after] = [plane, tidied].map((each) => maskFromLogits(each, geometry, CELLS));
          expect(after === null).toBe(before === null);
          if (!before || !after) return;
          for (const { at, label: each } of prompts.points) {
            const x = Math.min(Math.floor(at[0]), size.width - 1);
            const y = Math.min(Math.floor(at[1]), size.height - 1);
            const asked = each === FOREGROUND;
            if (contains(before, x, y) === asked) expect(contains(after, x, y)).toBe(asked);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
