/**
 * SAM's mask upscaling on factored image tokens: what `server/limner/sam/factored/upscaling.py` does, which has the formulas, one tile
 * of cells at a time.
 *
 * Written in AssemblyScript (https://www.assemblyscript.org), which `web/plugins/assembly.ts` compiles. It allocates nothing:
 * `upscaling.ts` gives it addresses in the memory that it shares with onnxruntime.
 */

import { gelu, multiplyAdd, SCALE } from "./arithmetic";
import { addProduct, pack } from "./product";
import { CELLS, copy, copyScaled, endOf, fill, LINE, PAIR, VECTOR } from "./tile";

const SUBS: usize = 4; // sub-pixels of each transposed convolution: (sub y, sub x)
const PADDING_LOGIT: f32 = -32; // of cells that do not show the image

/** What is to be upscaled: numbers of 32 bits, addresses are of float32. `upscaling.ts` writes them in this order. */
@unmanaged
class Task {
  base00: usize; // (coarse, validHeight, validWidth) of each sub-pixel: the first transposed convolution of the base
  base01: usize;
  base10: usize;
  base11: usize;
  rows: usize; // (rank, height, width); the last row is one over the scale of base and rows together
  columns: usize; // (4·coarse, rank), the first transposed convolution of the columns
  constants: usize; // (4·fine, coarse) the second one; (fine) its bias; (coarse) the norm's gain, (coarse) bias and (1) epsilon
  weights: usize; // (masks, fine)
  logits: usize; // (masks, 4·height, 4·width), the answer
  coarse: usize; // channels of the first transposed convolution, a multiple of 4
  fine: usize; // and of the second
  rank: usize;
  masks: usize;
  height: usize; // of the map, in cells
  width: usize;
  validHeight: usize; // of the part that shows the image
  validWidth: usize;
  work: usize; // of `workBytes`

  // What is computed once for all tiles: packed, and in GELU's units.

  get matrix(): usize {
    // (4·fine, coarse)
    return this.work;
  }
  get bias(): usize {
    // (fine)
    return this.matrix + 4 * SUBS * this.fine * this.coarse;
  }
  get gain(): usize {
    // (coarse)
    return this.bias + 4 * this.fine;
  }
  get offset(): usize {
    // (coarse)
    return this.gain + 4 * this.coarse;
  }
  get packedColumns(): usize {
    // (4·coarse, rank)
    return this.offset + 4 * this.coarse;
  }
  get scaledWeights(): usize {
    // (masks, fine)
    return this.packedColumns + 4 * SUBS * this.coarse * this.rank;
  }

  // Lines of the tile in hand.

  get first(): usize {
    // coarse, one sub-pixel of the first convolution
    return (this.scaledWeights + 4 * this.masks * this.fine + LINE - 1) & ~(LINE - 1);
  }
  get second(): usize {
    // fine, one of the second
    return this.first + this.coarse * LINE;
  }
  get tileRows(): usize {
    // rank
    return this.second + this.fine * LINE;
  }
  get tileLogits(): usize {
    // (4, 4, masks), by sub-pixel
    return this.tileRows + this.rank * LINE;
  }
  get answer(): usize {
    // a line of logits, four for each cell
    return this.tileLogits + SUBS * SUBS * this.masks * LINE;
  }
  get end(): usize {
    return this.answer + 4 * LINE;
  }
}

/** How much memory there must be at `work`, which may be 0 here. */
export function workBytes(task: Task): usize {
  return task.end - task.work + LINE;
}

export function upscale(task: Task): void {
  packAll(task);
  for (let y: usize = 0; y < task.validHeight; y++) {
    for (let x: usize = 0; x < task.validWidth; x += CELLS) {
      upscaleTile(task, y, x, min(CELLS, task.validWidth - x));
    }
  }
  padLogits(task);
}

function packAll(task: Task): void {
  const coarse = task.coarse;
  const fine = task.fine;
  pack(task.columns, task.packedColumns, SUBS * coarse, task.rank, 1);
  // GELU takes SCALE·x and gives 2·SCALE times the answer.
  let from = task.constants;
  pack(from, task.matrix, SUBS * fine, coarse, 0.5);
  from += 4 * SUBS * fine * coarse;
  copyScaled(from, task.bias, fine, SCALE);
  from += 4 * fine;
  copyScaled(from, task.gain, coarse, SCALE);
  from += 4 * coarse;
  copyScaled(from, task.offset, coarse, SCALE);
  copyScaled(task.weights, task.scaledWeights, task.masks * fine, 0.5 / SCALE);
}

/** Cells x to x + count of row y. */
function upscaleTile(task: Task, y: usize, x: usize, count: usize): void {
  const coarse = task.coarse;
  const fine = task.fine;
  const rank = task.rank;
  const end = endOf(count);
  for (let row: usize = 0; row < rank; row++) {
    copy(task.rows + 4 * ((row * task.height + y) * task.width + x), task.tileRows + row * LINE, count);
  }
  fill(task.tileLogits, SUBS * SUBS * task.masks * CELLS, 0);
  let logits = task.tileLogits;
  for (let sub: usize = 0; sub < SUBS; sub++) {
    const base = load<usize>(changetype<usize>(task) + 4 * sub);
    for (let channel: usize = 0; channel < coarse; channel++) {
      const from = (channel * task.validHeight + y) * task.validWidth + x;
      copy(base + 4 * from, task.first + channel * LINE, count);
    }
    addProduct(task.first, task.packedColumns + 4 * sub * coarse * rank, task.tileRows, coarse, rank, end);
    normalise(task, end);
    for (let subOfSub: usize = 0; subOfSub < SUBS; subOfSub++) {
      setLines(task.second, task.bias, fine, end);
      addProduct(task.second, task.matrix + 4 * subOfSub * fine * coarse, task.first, fine, coarse, end);
      weigh(task, logits, end);
      logits += task.masks * LINE;
    }
  }
  writeLogits(task, y, x, count, end);
}

/** Each line becomes one of the constants. */
function setLines(lines: usize, constants: usize, count: usize, end: usize): void {
  for (let line: usize = 0; line < count; line++, lines += LINE, constants += 4) {
    const constant = v128.load32_splat(constants);
    for (let x: usize = 0; x < end; x += VECTOR) v128.store(lines + x, constant);
  }
}

/** The norm over the channels of the first convolution, and GELU; the norm takes the convolution's scale away. */
function normalise(task: Task, end: usize): void {
  const coarse = task.coarse;
  const lines = task.first;
  const last = lines + coarse * LINE;
  const inverseScale = task.tileRows + (task.rank - 1) * LINE;
  const epsilon = v128.load32_splat(
    task.constants + 4 * (SUBS * task.fine * coarse + task.fine + 2 * coarse),
  );
  const share = f32x4.splat(1 / <f32>coarse);
  for (let x: usize = 0; x < end; x += VECTOR) {
    let even = f32x4.splat(0);
    let odd = f32x4.splat(0);
    for (let at = lines + x; at < last; at += 2 * LINE) {
      const a = v128.load(at);
      const b = v128.load(at, LINE);
      even = multiplyAdd(a, a, even);
      odd = multiplyAdd(b, b, odd);
    }
    const inverse = v128.load(inverseScale + x);
    const square = multiplyAdd(f32x4.add(even, odd), share, f32x4.mul(epsilon, f32x4.mul(inverse, inverse)));
    const scale = f32x4.div(f32x4.splat(1), f32x4.sqrt(square));
    let gain = task.gain;
    let offset = task.offset;
    for (let at = lines + x; at < last; at += LINE, gain += 4, offset += 4) {
      const scaled = f32x4.mul(v128.load(at), scale);
      v128.store(at, gelu(multiplyAdd(scaled, v128.load32_splat(gain), v128.load32_splat(offset))));
    }
  }
}

/** logits (masks) += weights (masks, fine) · GELU of the second convolution (fine) */
function weigh(task: Task, logits: usize, end: usize): void {
  const masks = task.masks;
  const ofMask: usize = 4 * task.fine;
  let weights = task.scaledWeights;
  let lines = task.second;
  const last = lines + task.fine * LINE;
  for (; lines < last; lines += 4 * LINE, weights += 16) {
    for (let x: usize = 0; x < end; x += PAIR) {
      const at = lines + x;
      const a0 = gelu(v128.load(at));
      const a1 = gelu(v128.load(at, VECTOR));
      const b0 = gelu(v128.load(at, LINE));
      const b1 = gelu(v128.load(at, LINE + VECTOR));
      const c0 = gelu(v128.load(at, 2 * LINE));
      const c1 = gelu(v128.load(at, 2 * LINE + VECTOR));
      const d0 = gelu(v128.load(at, 3 * LINE));
      const d1 = gelu(v128.load(at, 3 * LINE + VECTOR));
      let to = logits + x;
      let weight = weights;
      for (let mask: usize = 0; mask < masks; mask++, to += LINE, weight += ofMask) {
        let w = v128.load32_splat(weight);
        let sum0 = multiplyAdd(w, a0, v128.load(to));
        let sum1 = multiplyAdd(w, a1, v128.load(to, VECTOR));
        w = v128.load32_splat(weight, 4);
        sum0 = multiplyAdd(w, b0, sum0);
        sum1 = multiplyAdd(w, b1, sum1);
        w = v128.load32_splat(weight, 8);
        sum0 = multiplyAdd(w, c0, sum0);
        sum1 = multiplyAdd(w, c1, sum1);
        w = v128.load32_splat(weight, 12);
        v128.store(to, multiplyAdd(w, d0, sum0));
        v128.store(to, multiplyAdd(w, d1, sum1), VECTOR);
      }
    }
  }
}

/** Logits by sub-pixel (sub y, sub x, sub y of that, sub x of that, masks) to their places in the answer. */
function writeLogits(task: Task, y: usize, x: usize, count: usize, end: usize): void {
  const line = task.answer;
  const ofMasks = task.masks * LINE;
  for (let mask: usize = 0; mask < task.masks; mask++) {
    for (let row: usize = 0; row < 4; row++) {
      const left = task.tileLogits + (8 * (row / 2) + 2 * (row % 2)) * ofMasks + mask * LINE; // both sub x are 0
      for (let at: usize = 0; at < end; at += VECTOR) {
        const from = left + at;
        interleave(
          v128.load(from),
          v128.load(from + ofMasks),
          v128.load(from + 4 * ofMasks),
          v128.load(from + 5 * ofMasks),
          line + 4 * at,
        );
      }
      copy(line, task.logits + 16 * (((mask * task.height + y) * 4 + row) * task.width + x), 4 * count);
    }
  }
}

/** a0 b0 c0 d0 a1 b1 … of four vectors, one after the other. */
function interleave(a: v128, b: v128, c: v128, d: v128, to: usize): void {
  const ab = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
  const cd = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
  const abHigh = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  const cdHigh = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<f32>(ab, cd, 0, 1, 4, 5));
  v128.store(to, v128.shuffle<f32>(ab, cd, 2, 3, 6, 7), VECTOR);
  v128.store(to, v128.shuffle<f32>(abHigh, cdHigh, 0, 1, 4, 5), 2 * VECTOR);
  v128.store(to, v128.shuffle<f32>(abHigh, cdHigh, 2, 3, 6, 7), 3 * VECTOR);
}

/** What does not show the image. */
function padLogits(task: Task): void {
  const width: usize = 4 * task.width;
  const right: usize = 4 * (task.width - task.validWidth);
  for (let mask: usize = 0; mask < task.masks; mask++) {
    const first: usize = mask * 4 * task.height;
    for (let row = first; row < first + 4 * task.validHeight; row++) {
      fill(task.logits + 4 * ((row + 1) * width - right), right, PADDING_LOGIT);
    }
    const below: usize = 4 * (task.height - task.validHeight) * width;
    fill(task.logits + 4 * ((first + 4 * task.validHeight) * width), below, PADDING_LOGIT);
  }
}
