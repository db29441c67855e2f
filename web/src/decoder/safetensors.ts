/** The safetensors container: a length, a JSON header, and bytes (https://github.com/huggingface/safetensors#format). */

import { DecoderError } from "./errors.ts";

export interface TensorView {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Into the file's buffer; not aligned for wider types. */
  readonly bytes: Uint8Array;
}

export interface Safetensors {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, TensorView>;
}

const LENGTH_BYTES = 8; // little-endian size of the header
const BYTES_PER_ITEM: Readonly<Record<string, number>> = { F32: 4, F16: 2, I32: 4, I8: 1, U8: 1 };

interface HeaderEntry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

/**
 * Read the header; nothing is copied.
 * @throws DecoderError `broken_embedding` naming what does not hold
 */
export function parseSafetensors(buffer: ArrayBuffer): Safetensors {
  const header = parseHeader(buffer);
  const { __metadata__: metadata = {}, ...entries } = header.json;
  const tensors = new Map<string, TensorView>();
  for (const [name, entry] of Object.entries(entries as Record<string, HeaderEntry>)) {
    const [start, end] = entry.data_offsets;
    const items = entry.shape.reduce((product, side) => product * side, 1);
    if (!(start >= 0 && header.dataStart + end <= buffer.byteLength)) {
      throw broken(`tensor ${name} lies outside the file of ${buffer.byteLength} bytes`);
    }
    if (items * (BYTES_PER_ITEM[entry.dtype] ?? Number.NaN) !== end - start) {
      throw broken(
        `tensor ${name} of type ${entry.dtype} and shape ${entry.shape.join(" × ")} has ${end - start} bytes`,
      );
    }
    tensors.set(name, {
      dtype: entry.dtype,
      shape: entry.shape,
      bytes: new Uint8Array(buffer, header.dataStart + start, end - start),
    });
  }
  return { metadata: metadata as Record<string, string>, tensors };
}

function parseHeader(buffer: ArrayBuffer): { json: Record<string, unknown>; dataStart: number } {
  if (buffer.byteLength < LENGTH_BYTES) throw broken(`it has ${buffer.byteLength} bytes`);
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  if (length > buffer.byteLength - LENGTH_BYTES) throw broken("its header is longer than the file");
  const text = new TextDecoder().decode(new Uint8Array(buffer, LENGTH_BYTES, length));
  try {
    return { json: JSON.parse(text) as Record<string, unknown>, dataStart: LENGTH_BYTES + length };
  } catch (error) {
    throw broken("its header is not JSON", error);
  }
}

function broken(what: string, cause?: unknown): DecoderError {
  return new DecoderError("broken_embedding", `This is not an embedding that Limner wrote: ${what}.`, {
    cause,
  });
}
