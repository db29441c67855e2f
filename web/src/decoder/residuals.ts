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
export function unfold({
  channels,
  height,
  width,
  folded,
  large,
  predicted,
  step,
}: Residuals): Float32Array | null {
  const values = new Float32Array(folded.length);
  const row = new Int32Array(width); // of the row before, from x on
  let index = 0;
  let taken = 0;
  for (let channel = 0; channel < channels; channel++) {
    const byNeighbours = predicted[channel] === 1;
    row.fill(0);
    for (let y = 0; y < height; y++) {
      let left = 0;
      let corner = 0;
      for (let x = 0; x < width; x++) {
        let code = folded[index]!;
        if (code === LARGE) code = large[taken++] ?? 0;
        const residual = (code >> 1) ^ -(code & 1);
        if (byNeighbours) {
          const above = row[x]!;
          // The median by arithmetic: which value it is follows no pattern, so that processors would guess branches wrong.
          let apart = (left - above) | 0;
          let less = apart & (apart >> 31);
          const low = (above + less) | 0;
          const high = (left - less) | 0;
          const plane = (left + above - corner) | 0;
          apart = (plane - high) | 0;
          const capped = (high + (apart & (apart >> 31))) | 0;
          apart = (capped - low) | 0;
          less = apart & (apart >> 31);
          left = (capped - less + residual) | 0;
          corner = above;
          row[x] = left;
        } else {
          left = residual;
        }
        values[index++] = left * step;
      }
    }
  }
  return taken === large.length ? values : null;
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
