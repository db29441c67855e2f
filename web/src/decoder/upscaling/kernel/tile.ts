/**
 * A tile is a run of up to `CELLS` cells of one row of the map: small enough that all that is computed of it stays in the
 * processor's cache. Of each channel it has a line of float32; of a shorter run the rest of the line means nothing.
 */

export const CELLS: usize = 64;
export const LINE: usize = 4 * CELLS; // bytes
export const VECTOR: usize = 16; // bytes, four cells
export const PAIR: usize = 2 * VECTOR; // of vectors, which are computed together

/** Where a line of so many cells ends, in bytes: at a whole number of pairs. */
export function endOf(cells: usize): usize {
  return (4 * cells + PAIR - 1) & ~(PAIR - 1);
}

/** `count` float32 */
export function copy(from: usize, to: usize, count: usize): void {
  const end = from + 4 * count;
  for (; from + VECTOR <= end; from += VECTOR, to += VECTOR) v128.store(to, v128.load(from));
  for (; from < end; from += 4, to += 4) store<f32>(to, load<f32>(from));
}

/** `count` float32, multiplied */
export function copyScaled(from: usize, to: usize, count: usize, scale: f32): void {
  for (const end = from + 4 * count; from < end; from += 4, to += 4) store<f32>(to, scale * load<f32>(from));
}

/** `count` float32 */
export function fill(to: usize, count: usize, value: f32): void {
  for (const end = to + 4 * count; to < end; to += 4) store<f32>(to, value);
}
