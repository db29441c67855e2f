import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createBitmap } from "./bitmap.ts";
import { ImageGeometry, type ImageSize } from "./geometry.ts";
import { type Axis, imageAxes, interpolateRow, makeAxis, neededCells, positiveStretches } from "./logits.ts";
import { logitsFromMask, MASK_PROMPT_LOGIT, maskFromLogits } from "./mask.ts";
import { MaskPainter } from "./paint.ts";
import { area, decode, encode } from "./rle.ts";
import { bitmapFromText, goldenCases, randomNumbers } from "./vectors.test-support.ts";

interface Case extends ImageSize {
  image_size: number;
  low_res: number[];
  logits: number[];
}

const INK = 0xff0000ff;

/** Bilinear interpolation as one would write it down, pixel by pixel. */
function upsample(line: Float64Array, axis: Axis): number[] {
  return Array.from(axis.cell, (cell, pixel) => {
    const next = Math.min(cell + 1, axis.cells - 1);
    return line[cell]! + (line[next]! - line[cell]!) * axis.weight[pixel]!;
  });
}

describe.each(goldenCases<Case>("logits"))("logits of a $height × $width image", (golden) => {
  const geometry = new ImageGeometry(golden, golden.image_size);
  const plane = { data: new Float32Array(golden.low_res), offset: 0 };
  const expected = {
    height: golden.height,
    width: golden.width,
    data: Uint8Array.from(golden.logits, (value) => (value > 0 ? 1 : 0)),
  };

  it("are interpolated as in Python", () => {
    const { rows, columns } = imageAxes(geometry, 8);
    const line = new Float64Array(8);
    for (let y = 0; y < golden.height; y++) {
      interpolateRow(plane, rows, y, line);
      upsample(line, columns).forEach((value, x) => {
        expect(value).toBeCloseTo(golden.logits[y * golden.width + x]!, 5);
      });
    }
  });

  it("give the same mask as in Python", () => {
    const mask = maskFromLogits(plane, geometry, 8);
    expect(mask ? decode(mask) : createBitmap(golden)).toEqual(expected);
  });

  it("paint the mask that is saved", () => {
    const { rows, columns } = imageAxes(geometry, 8);
    const pixels = new Uint32Array(golden.height * golden.width);
    new MaskPainter().paint(plane, rows, columns, pixels, { fill: INK, rim: INK, rimWidth: 1 });
    expect([...pixels]).toEqual([...expected.data].map((value) => value * INK));
  });
});

it("finds the stretches that pixel-by-pixel interpolation finds, at any zoom", () => {
  const values = fc.array(fc.double({ min: -9, max: 9, noNaN: true }), { minLength: 1, maxLength: 40 });
  const origin = fc.double({ min: -3, max: 30, noNaN: true });
  const step = fc.double({ min: 0.01, max: 40, noNaN: true });
  fc.assert(
    fc.property(values, origin, step, fc.integer({ min: 1, max: 300 }), (list, start, stride, length) => {
      const line = new Float64Array(list);
      const axis = makeAxis(start, stride, length, 0.37, line.length);
      const out = new Int32Array(2 * (line.length + 1));
      const count = positiveStretches(line, axis, out);
      const painted = new Array<boolean>(length).fill(false);
      for (let index = 0; index < count; index += 2) painted.fill(true, out[index], out[index + 1]);
      expect(painted).toEqual(upsample(line, axis).map((value) => value > 0));
    }),
    { numRuns: 2000 },
  );
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
  const geometry = new ImageGeometry({ height: height!, width: width! }, 1024);
  expect(neededCells(geometry, 256, 64)).toEqual({ height: rows, width: columns });
  const axes = imageAxes(geometry, 256);
  expect(Math.min(axes.rows.cell.at(-1)! + 1, 255)).toBeLessThan(4 * rows!);
  expect(Math.min(axes.columns.cell.at(-1)! + 1, 255)).toBeLessThan(4 * columns!);
});

it("reads the plane at its offset", () => {
  const data = new Float32Array(4 * 8 * 8).fill(-1);
  data.fill(1, 2 * 64, 3 * 64);
  const geometry = new ImageGeometry({ height: 30, width: 20 }, 64);
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
    const geometry = new ImageGeometry(bitmap, 1024);
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
    const logits = logitsFromMask(rle, new ImageGeometry({ height: 8, width: 4 }, 4), 4);
    expect([...logits].map((value) => value / MASK_PROMPT_LOGIT)).toEqual([
      1, -1, -1, -1, 1, -1, -1, -1, 0, -1, -1, -1, -1, -1, -1, -1,
    ]);
  });
});
