/** Features as residuals of what their neighbours predict: `server/limner/encoding/residuals.py` says how and why. */

const LARGE = 255; // stands for the next of the large ones

export interface Residuals {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** Decompressed, one for each value. */
  readonly folded: Uint8Array;
  /** Those that need more than a byte, in their order. */
  readonly large: Int32Array;
  /** (channels,) 1 for those that are predicted by neighbours. */
  readonly predicted: Uint8Array;
  readonly step: number;
}

/** @returns (channels, height, width); null when there are more or fewer large residuals than are given */
export function unfold(residuals: Residuals): Float32Array | null {
  const { channels, height, width, folded, large, predicted } = residuals;
  const values = new Float32Array(folded.length);
  const row = new Int32Array(width);
  let index = 0;
  let taken = 0;
  for (let channel = 0; channel < channels; channel++) {
    const unfoldRow = predicted[channel] === 1 ? predictedRow : plainRow;
    row.fill(0);
    for (let y = 0; y < height; y++, index += width) {
      taken = unfoldRow(residuals, index, taken, row, values);
    }
  }
  return taken === large.length ? values : null;
}

// Rows are functions of their own: what is called thousands of times is compiled sooner, and the first embedding that a page
// reads takes about a fifth less.

/**
 * One row of integers from its residuals.
 * @param row the row above, which becomes this one
 * @param taken how many of the large residuals came before
 * @returns how many came until its end
 */
function predictedRow(
  { folded, large, step }: Residuals,
  index: number,
  taken: number,
  row: Int32Array,
  values: Float32Array,
): number {
  let left = 0;
  let corner = 0;
  for (let x = 0; x < row.length; x++) {
    let code = folded[index + x]!;
    if (code === LARGE) code = large[taken++] ?? 0;
    const above = row[x]!;
    // The median of left, above and left + slope is left + the median of 0, slope and above - left. By arithmetic: which
    // of them it is follows no pattern, so that processors would guess branches wrong. What needs no `left` comes first.
    const slope = (above - corner) | 0;
    const least = slope & (slope >> 31); // min(slope, 0)
    const most = (slope - least) | 0; // max(slope, 0)
    const excess = (above - most - left) | 0;
    const capped = ((excess & (excess >> 31)) + (most - least)) | 0; // min(above - left, most) - least
    left = (left + (capped & ~(capped >> 31)) + (least + ((code >> 1) ^ -(code & 1)))) | 0;
    corner = above;
    row[x] = left;
    values[index + x] = left * step;
  }
  return taken;
}

/** As {@link predictedRow}, of a channel that nothing predicts. */
function plainRow(
  { folded, large, step }: Residuals,
  index: number,
  taken: number,
  row: Int32Array,
  values: Float32Array,
): number {
  for (let x = 0; x < row.length; x++) {
    let code = folded[index + x]!;
    if (code === LARGE) code = large[taken++] ?? 0;
    values[index + x] = ((code >> 1) ^ -(code & 1)) * step;
  }
  return taken;
}

/**
 * @param length of what comes out, in bytes
 * @returns null when that is more or less
 * @throws TypeError when the bytes are no zlib stream, or cut
 */
export async function decompressed(
  bytes: Uint8Array<ArrayBuffer>,
  length: number,
): Promise<Uint8Array | null> {
  const { readable, writable } = new DecompressionStream("deflate");
  const writer = writable.getWriter();
  const written = writer.write(bytes).then(() => writer.close());
  written.catch(() => undefined); // the reader hears of it
  const found = new Uint8Array(length);
  let filled = 0;
  for (const reader = readable.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return filled === length ? found : null;
    if (filled + value.length > length) {
      await reader.cancel();
      return null;
    }
    found.set(value, filled);
    filled += value.length;
  }
}
