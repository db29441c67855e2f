import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createBitmap } from "./bitmap.ts";
import { type Fit, ImageGeometry, type ImageSize } from "./geometry.ts";
import { type Axes, imageAxes, makeAxis, neededCells, type Plane, StretchFinder } from "./logits.ts";
import { logitsFromMask, MASK_PROMPT_LOGIT, maskFromLogits } from "./mask.ts";
import { MaskPainter } from "./paint.ts";
import { area, decode, encode } from "./rle.ts";
import { bitmapFromText, goldenCases, randomNumbers } from "./vectors.test-support.ts";

interface Case extends ImageSize {
  image_size: number;
  fit: Fit;
  low_res: number[];
  logits: number[];
}

const INK = 0xff0000ff;

/** Bilinear interpolation as one would write it down, pixel by pixel: (rows, columns). */
function upsample({ data, offset }: Plane, { rows, columns }: Axes): number[][] {
  const { cells } = rows;
  return Array.from(rows.cell, (row, y) => {
    const below = Math.min(row + 1, cells - 1);
    return Array.from(columns.cell, (column, x) => {
      const along = (line: number) => {
        const [near, far] = [data[offset + row * cells + line]!, data[offset + below * cells + line]!];
        return near + (far - near) * rows.weight[y]!;
      };
      const [near, far] = [along(column), along(Math.min(column + 1, cells - 1))];
      return near + (far - near) * columns.weight[x]!;
    });
  });
}

describe.each(goldenCases<Case>("logits"))("logits of a $height × $width image, $fit", (golden) => {
  const geometry = new ImageGeometry(golden, golden);
  const plane = { data: new Float32Array(golden.low_res), offset: 0 };
  const expected = {
    height: golden.height,
    width: golden.width,
    data: Uint8Array.from(golden.logits, (value) => (value > 0 ? 1 : 0)),
  };

  it("are interpolated as in Python", () => {
    const upsampled = upsample(plane, imageAxes(geometry, 8)).flat();
    upsampled.forEach((value, index) => {
      expect(value).toBeCloseTo(golden.logits[index]!, 5);
    });
  });

  it("give the same mask as in Python", () => {
    const mask = maskFromLogits(plane, geometry, 8);
    expect(mask ? decode(mask) : createBitmap(golden)).toEqual(expected);
  });

  it("paint the mask that is saved", () => {
    const pixels = new Uint32Array(golden.height * golden.width);
    new MaskPainter().paint(plane, imageAxes(geometry, 8), pixels, { fill: INK, rim: INK, rimWidth: 1 });
    expect([...pixels]).toEqual([...expected.data].map((value) => value * INK));
  });
});

describe("the stretches of a mask, at any zoom and place", () => {
  const CELLS = 9;
  const zoom = fc.record({
    rows: fc.tuple(
      fc.double({ min: -3, max: 9, noNaN: true }),
      fc.double({ min: 0.01, max: 4, noNaN: true }),
    ),
    columns: fc.tuple(
      fc.double({ min: -3, max: 9, noNaN: true }),
      fc.double({ min: 0.01, max: 4, noNaN: true }),
    ),
    height: fc.integer({ min: 1, max: 60 }),
    width: fc.integer({ min: 1, max: 60 }),
  });
  const logit = fc.oneof(fc.double({ min: -9, max: 9, noNaN: true }), fc.constantFrom(-1, 0, 1));
  const grid = fc.array(logit, { minLength: CELLS ** 2, maxLength: CELLS ** 2 });
  const finder = new StretchFinder(); // used again and again, as on the page

  it.each(["rows", "columns"] as const)("are those of pixel-by-pixel interpolation, along %s", (lines) => {
    fc.assert(
      fc.property(
        grid,
        zoom,
        fc.integer({ min: 0, max: 5 }),
        (logits, { rows, columns, height, width }, offset) => {
          const plane = { data: new Float32Array([...new Array<number>(offset).fill(9), ...logits]), offset };
          const axes = {
            rows: makeAxis(...rows, height, 0.77, CELLS),
            columns: makeAxis(...columns, width, 0.77, CELLS),
          };
          const found = Array.from({ length: height }, () => new Array<boolean>(width).fill(false));
          finder.begin(plane, axes, lines);
          for (let line = 0; line < axes[lines].length; line++) {
            const count = finder.find(line);
            for (let index = 0; index < count; index += 2) {
              for (let pixel = finder.ends[index]!; pixel < finder.ends[index + 1]!; pixel++) {
                const [y, x] = lines === "rows" ? [line, pixel] : [pixel, line];
                found[y]![x] = true;
              }
            }
          }
          // Columns are interpolated first down, then across; in the last bit that may differ from the other way round.
          const certain = upsample(plane, axes).map((row) => row.map((value) => Math.abs(value) > 1e-9));
          const expected = upsample(plane, axes).map((row) => row.map((value) => value > 0));
          const differing = found.flatMap((row, y) =>
            row.filter((value, x) => value !== expected[y]![x] && (lines === "rows" || certain[y]![x])),
          );
          expect(differing).toEqual([]);
        },
      ),
      { numRuns: 300 },
    );
  });
});

it.each([
  [
    [683, 1024],
    [43, 64],
  ],
  [
    [1024, 683],
    [64, 43],
  ],
  [
    [688, 1024],
    [44, 64],
  ], // ends with a cell: the next one is its neighbour
  [
    [1, 5000],
    [1, 64],
  ],
  [
    [700, 700],
    [64, 64],
  ],
])("needs of the embedding of a %j image the cells %j", ([height, width], [rows, columns]) => {
  const geometry = new ImageGeometry({ height: height!, width: width! }, { image_size: 1024, fit: "pad" });
  expect(neededCells(geometry, 256, 64)).toEqual({ height: rows, width: columns });
  const axes = imageAxes(geometry, 256);
  expect(Math.min(axes.rows.cell.at(-1)! + 1, 255)).toBeLessThan(4 * rows!);
  expect(Math.min(axes.columns.cell.at(-1)! + 1, 255)).toBeLessThan(4 * columns!);
});

it("reads the plane at its offset", () => {
  const data = new Float32Array(4 * 8 * 8).fill(-1);
  data.fill(1, 2 * 64, 3 * 64);
  const geometry = new ImageGeometry({ height: 30, width: 20 }, { image_size: 64, fit: "pad" });
  expect(area(maskFromLogits({ data, offset: 128 }, geometry, 8)!)).toBe(600);
  expect(maskFromLogits({ data, offset: 64 }, geometry, 8)).toBeNull();
});

describe("a mask as a prompt", () => {
  it("comes back from its logits almost as it was", () => {
    const random = randomNumbers(3);
    const bitmap = createBitmap({ height: 300, width: 450 });
    const [cx, cy, radius] = [150 + 100 * random(), 120 + 60 * random(), 60 + 30 * random()];
    bitmap.data.forEach((_, index) => {
      const [x, y] = [index % 450, Math.floor(index / 450)];
      bitmap.data[index] = Math.hypot(x - cx, y - cy) < radius ? 1 : 0;
    });
    const geometry = new ImageGeometry(bitmap, { image_size: 1024, fit: "pad" });
    const back = decode(
      maskFromLogits({ data: logitsFromMask(encode(bitmap), geometry, 256), offset: 0 }, geometry, 256)!,
    );
    let [both, either] = [0, 0];
    bitmap.data.forEach((value, index) => {
      both += value & back.data[index]!;
      either += value | back.data[index]!;
    });
    expect(both / either).toBeGreaterThan(0.98);
  });

  // Eight rows become the four of the grid, four columns become two, the other two columns are padding.
  it("weighs cells by covered area and leaves the padding background", () => {
    const rle = encode(bitmapFromText(["##..", "##..", "#...", "...."].flatMap((row) => [row, row])));
    const logits = logitsFromMask(
      rle,
      new ImageGeometry({ height: 8, width: 4 }, { image_size: 4, fit: "pad" }),
      4,
    );
    expect([...logits].map((value) => value / MASK_PROMPT_LOGIT)).toEqual([
      1, -1, -1, -1, 1, -1, -1, -1, 0, -1, -1, -1, -1, -1, -1, -1,
    ]);
  });
});
