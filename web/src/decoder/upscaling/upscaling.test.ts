/** The kernel against the same in 64 bits, step by step as the formulas have it. */

import { beforeAll, describe, expect, it } from "vitest";
import { HeapTensor } from "../heap-tensor.ts";
import { ortInNode } from "../ort.test-support.ts";
import type { OrtModule } from "../ort-module.ts";
import { type Factors, Upscaling } from "./upscaling.ts";

const EPSILON = 1e-6;
const PADDING_LOGIT = -32;

let module: OrtModule;
let upscaling: Upscaling;

beforeAll(async () => {
  module = await ortInNode();
  upscaling = new Upscaling(module);
});

interface Case {
  /** Channels of both transposed convolutions. */
  readonly coarse: number;
  readonly fine: number;
  readonly height: number;
  readonly width: number;
  readonly validHeight: number;
  readonly validWidth: number;
  readonly rank: number;
  readonly masks: number;
}

interface Numbers {
  readonly bases: readonly Float32Array[];
  readonly rows: Float32Array;
  readonly columns: Float32Array;
  readonly matrix: Float32Array;
  readonly bias: Float32Array;
  readonly gain: Float32Array;
  readonly offset: Float32Array;
  readonly weights: Float32Array;
}

/** Between -scale and scale, always the same. */
function noise(seed: number, length: number, scale: number): Float32Array {
  let state = seed * 7919 + 1;
  return new Float32Array(length).map(() => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return scale * (state / 2 ** 31 - 1);
  });
}

function numbersOf({ coarse, fine, height, width, validHeight, validWidth, rank, masks }: Case): Numbers {
  const cells = height * width;
  const rows = noise(1, rank * cells, 1);
  rows.subarray((rank - 1) * cells).forEach((value, index, all) => {
    all[index] = 2 + value; // one over a scale is above 0
  });
  return {
    bases: [2, 3, 4, 5].map((seed) => noise(seed, coarse * validHeight * validWidth, 4)),
    rows,
    columns: noise(6, 4 * coarse * rank, 1),
    matrix: noise(7, 4 * fine * coarse, 0.5),
    bias: noise(8, fine, 1),
    gain: noise(9, coarse, 2),
    offset: noise(10, coarse, 1),
    weights: noise(11, masks * fine, 1),
  };
}

/** Onto the module's heap, as a graph would leave it; freed with the module. */
function tensor(values: Float32Array, shape: readonly number[]): HeapTensor {
  const data = module._malloc(values.byteLength);
  module.HEAPU8.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), data);
  const stack = module.stackSave();
  const at = module.stackAlloc(4 * shape.length);
  for (const [index, size] of shape.entries()) module.setValue(at + 4 * index, size, "i32");
  const made = new HeapTensor(
    module,
    module._OrtCreateTensor(1, data, values.byteLength, at, shape.length, 1),
  );
  module.stackRestore(stack);
  return made;
}

function factorsOf(given: Case, numbers: Numbers): Factors {
  const { coarse, fine, height, width, validHeight, validWidth, rank, masks } = given;
  const { bases, rows, columns, matrix, bias, gain, offset, weights } = numbers;
  const constants = Float32Array.from([...matrix, ...bias, ...gain, ...offset, EPSILON]);
  return {
    bases: bases.map((base) => tensor(base, [coarse, validHeight, validWidth])),
    rows: tensor(rows, [rank, height * width]),
    columns: tensor(columns, [4 * coarse, rank]),
    constants: tensor(constants, [constants.length]),
    weights: tensor(weights, [masks, fine]),
  };
}

function emptyLogits({ height, width, masks }: Case): HeapTensor {
  return tensor(new Float32Array(16 * masks * height * width), [1, masks, 4 * height, 4 * width]);
}

/** GELU by the integral of the normal distribution's density, to 1e-12. */
function gelu(x: number): number {
  const steps = 400;
  const end = Math.min(Math.abs(x), 8);
  const step = end / steps;
  const density = (t: number) => Math.exp((-t * t) / 2) / Math.sqrt(2 * Math.PI);
  let sum = density(0) + density(end);
  for (let index = 1; index < steps; index++) sum += (index % 2 ? 4 : 2) * density(index * step);
  return x * (0.5 + (Math.sign(x) * sum * step) / 3);
}

/** Logits (masks, 4, 4) of one cell. */
function exactCell(given: Case, numbers: Numbers, y: number, x: number): number[][][] {
  const { coarse, fine, height, width, validHeight, validWidth, rank, masks } = given;
  const row = (index: number) => numbers.rows[(index * height + y) * width + x]!;
  const answer = Array.from({ length: masks }, () => Array.from({ length: 4 }, () => new Array<number>(4)));
  for (let sub = 0; sub < 4; sub++) {
    const first = Array.from({ length: coarse }, (_, channel) => {
      let sum = numbers.bases[sub]![(channel * validHeight + y) * validWidth + x]!;
      for (let index = 0; index < rank; index++) {
        sum += numbers.columns[(sub * coarse + channel) * rank + index]! * row(index);
      }
      return sum;
    });
    const mean = first.reduce((sum, value) => sum + value ** 2, 0) / coarse;
    const scale = 1 / Math.sqrt(mean + EPSILON * row(rank - 1) ** 2);
    const normal = first.map((value, channel) =>
      gelu(value * scale * numbers.gain[channel]! + numbers.offset[channel]!),
    );
    for (let subOfSub = 0; subOfSub < 4; subOfSub++) {
      const second = Array.from({ length: fine }, (_, channel) => {
        const weights = numbers.matrix.subarray((subOfSub * fine + channel) * coarse);
        return gelu(
          normal.reduce((sum, value, index) => sum + value * weights[index]!, numbers.bias[channel]!),
        );
      });
      for (let mask = 0; mask < masks; mask++) {
        const logit = second.reduce(
          (sum, value, channel) => sum + value * numbers.weights[mask * fine + channel]!,
          0,
        );
        answer[mask]![2 * (sub >> 1) + (subOfSub >> 1)]![2 * (sub & 1) + (subOfSub & 1)] = logit;
      }
    }
  }
  return answer;
}

const SAM = { coarse: 64, fine: 32 };
const CASES: readonly (readonly [name: string, given: Case])[] = [
  ["a square image", { ...SAM, height: 16, width: 16, validHeight: 16, validWidth: 16, rank: 9, masks: 4 }],
  ["a landscape", { ...SAM, height: 16, width: 16, validHeight: 11, validWidth: 16, rank: 99, masks: 3 }],
  ["a portrait", { ...SAM, height: 16, width: 16, validHeight: 16, validWidth: 11, rank: 115, masks: 1 }],
  [
    "few channels",
    { coarse: 16, fine: 8, height: 8, width: 8, validHeight: 8, validWidth: 6, rank: 20, masks: 4 },
  ],
  ["a strip", { ...SAM, height: 16, width: 16, validHeight: 16, validWidth: 1, rank: 7, masks: 2 }],
  ["a map of odd size", { ...SAM, height: 5, width: 13, validHeight: 4, validWidth: 13, rank: 8, masks: 4 }],
  [
    "a map wider than a tile",
    { ...SAM, height: 2, width: 75, validHeight: 2, validWidth: 71, rank: 275, masks: 4 },
  ],
];

describe.each(CASES)("%s", (_, given) => {
  it("is upscaled as in 64 bits where it shows the image, and padded elsewhere", () => {
    const numbers = numbersOf(given);
    const logits = emptyLogits(given);
    upscaling.run(factorsOf(given, numbers), logits);
    const found = logits.values();
    const { height, width, validHeight, validWidth, masks } = given;
    let [largest, difference, padding, compared] = [0, 0, 0, 0];
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const shown = y < validHeight && x < validWidth;
        const edge = x === 0 || x >= validWidth - 2 || y >= validHeight - 1;
        if (shown && !edge && (x + y) % 5) continue; // exact arithmetic is slow
        const exact = shown ? exactCell(given, numbers, y, x) : null;
        for (let mask = 0; mask < masks; mask++) {
          for (let pixel = 0; pixel < 16; pixel++) {
            const [row, column] = [4 * y + (pixel >> 2), 4 * x + (pixel & 3)];
            const logit = found[(mask * 4 * height + row) * 4 * width + column]!;
            if (!exact) {
              padding += Number(logit !== PADDING_LOGIT);
              continue;
            }
            const right = exact[mask]![pixel >> 2]![pixel & 3]!;
            largest = Math.max(largest, Math.abs(right));
            difference = Math.max(difference, Math.abs(logit - right));
            compared += 1;
          }
        }
      }
    }
    expect(padding).toBe(0);
    expect(compared).toBeGreaterThan(16 * masks);
    expect(largest).toBeGreaterThan(1);
    expect(difference / largest).toBeLessThan(2e-6);
  });
});

it("gives the same again, and needs no more memory for many answers than for one", () => {
  const given = CASES[0]![1];
  const factors = factorsOf(given, numbersOf(given));
  const logits = emptyLogits(given);
  upscaling.run(factors, logits);
  const first = logits.values();
  const { length } = module.HEAPU8;
  for (let index = 0; index < 200; index++) upscaling.run(factors, logits);
  expect(module.HEAPU8.length).toBe(length);
  expect(logits.values()).toEqual(first);
});

it("says which channels it cannot do", () => {
  const given: Case = { ...CASES[0]![1], coarse: 6, fine: 4 };
  const run = () => upscaling.run(factorsOf(given, numbersOf(given)), emptyLogits(given));
  expect(run).toThrow("masks of 6 and 4 channels cannot be upscaled: both must be multiples of 4");
});
