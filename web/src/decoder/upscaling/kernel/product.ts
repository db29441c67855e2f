/** Products of a matrix and a tile. */

import { multiplyAdd } from "./arithmetic";
import { LINE, PAIR, VECTOR } from "./tile";

const BLOCK: usize = 4; // rows of a matrix that are multiplied together

/**
 * A matrix (rows, columns) as {@link addProduct} wants it: of each four rows the first values, then the second ones, and so on.
 *
 * @param from row after row
 * @param scale multiplies everything
 */
export function pack(from: usize, to: usize, rows: usize, columns: usize, scale: f32): void {
  for (let row: usize = 0; row < rows; row++) {
    let at = to + (row / BLOCK) * columns * VECTOR + (row % BLOCK) * 4;
    for (let column: usize = 0; column < columns; column++, from += 4, at += VECTOR) {
      store<f32>(at, scale * load<f32>(from));
    }
  }
}

/**
 * lines += matrix · tile
 *
 * @param lines of `rows` channels
 * @param matrix (rows, columns), packed; rows in fours
 * @param tile of `columns` channels
 * @param end of each line
 */
export function addProduct(
  lines: usize,
  matrix: usize,
  tile: usize,
  rows: usize,
  columns: usize,
  end: usize,
): void {
  const size = columns * VECTOR; // of a block of the matrix
  const last = lines + rows * LINE;
  for (; lines < last; lines += BLOCK * LINE, matrix += size) {
    for (let x: usize = 0; x < end; x += PAIR) {
      const at = lines + x;
      // Two vectors of each of four rows: with what they are multiplied with, as many as processors have registers for.
      let a0 = v128.load(at);
      let a1 = v128.load(at, VECTOR);
      let b0 = v128.load(at, LINE);
      let b1 = v128.load(at, LINE + VECTOR);
      let c0 = v128.load(at, 2 * LINE);
      let c1 = v128.load(at, 2 * LINE + VECTOR);
      let d0 = v128.load(at, 3 * LINE);
      let d1 = v128.load(at, 3 * LINE + VECTOR);
      let from = tile + x;
      for (let weight = matrix; weight < matrix + size; weight += VECTOR, from += LINE) {
        const x0 = v128.load(from);
        const x1 = v128.load(from, VECTOR);
        let w = v128.load32_splat(weight);
        a0 = multiplyAdd(w, x0, a0);
        a1 = multiplyAdd(w, x1, a1);
        w = v128.load32_splat(weight, 4);
        b0 = multiplyAdd(w, x0, b0);
        b1 = multiplyAdd(w, x1, b1);
        w = v128.load32_splat(weight, 8);
        c0 = multiplyAdd(w, x0, c0);
        c1 = multiplyAdd(w, x1, c1);
        w = v128.load32_splat(weight, 12);
        d0 = multiplyAdd(w, x0, d0);
        d1 = multiplyAdd(w, x1, d1);
      }
      v128.store(at, a0);
      v128.store(at, a1, VECTOR);
      v128.store(at, b0, LINE);
      v128.store(at, b1, LINE + VECTOR);
      v128.store(at, c0, 2 * LINE);
      v128.store(at, c1, 2 * LINE + VECTOR);
      v128.store(at, d0, 3 * LINE);
      v128.store(at, d1, 3 * LINE + VECTOR);
    }
  }
}
