/**
 * COCO run-length encoding: the form in which Limner stores every mask.
 *
 * A mask is read column by column; `counts` are the lengths of alternating runs of background and mask, starting with
 * background. The compressed text writes each count (from the fourth on as the difference to the count two before) in
 * groups of five bits, least significant first, a sixth bit saying "more follows", shifted into printable ASCII by 48.
 * `server/limner/rle.py` says the same in Python; `tests/golden/rle.json` holds both to pycocotools.
 */

import type { Bitmap } from "./bitmap.ts";
import { createBitmap } from "./bitmap.ts";
import type { ImageSize } from "./geometry.ts";
import type { PixelBox } from "./pixel-box.ts";

/** A compressed RLE as it stands in COCO files. */
export interface Rle {
  readonly size: [height: number, width: number];
  readonly counts: string;
}

/** An RLE that knows its stretches without reading its text: what is edited by hand, see column-mask.ts. */
export interface IndexedRle extends Rle {
  readonly area: number;
  readonly box: PixelBox;
  eachStretch(visit: StretchVisitor): void;
  contains(x: number, y: number): boolean;
}

/** Rows [top, bottom) of a column. */
export type StretchVisitor = (column: number, top: number, bottom: number) => void;

const isIndexed = (rle: Rle): rle is IndexedRle => "eachStretch" in rle;

/** What is wrong with an RLE, in words for people. */
export class RleError extends Error {
  override readonly name = "RleError";
}

const FIRST_CHARACTER = 48;
const CONTINUES = 0x20;
const SIGN = 0x10;
const PAYLOAD = 0x1f;
const MAX_GROUPS = 6; // 30 bits: more than any count of an image that fits into memory
const ENCODE_COLUMNS = 64; // columns read in one sweep: their cache lines stay near

/** Run lengths, background first -> compressed text. */
export function compress(runs: ArrayLike<number>): string {
  const codes = new Uint8Array(runs.length * (MAX_GROUPS + 1)); // a difference may need one bit more than a run
  let length = 0;
  for (let index = 0; index < runs.length; index++) {
    let rest = index > 2 ? runs[index]! - runs[index - 2]! : runs[index]!;
    let more = true;
    while (more) {
      let group = rest & PAYLOAD;
      rest >>= 5;
      more = group & SIGN ? rest !== -1 : rest !== 0;
      if (more) group |= CONTINUES;
      codes[length++] = group + FIRST_CHARACTER;
    }
  }
  return new TextDecoder().decode(codes.subarray(0, length));
}

/**
 * Compressed text -> run lengths, background first.
 * @throws RleError for characters outside the alphabet, a text that ends inside a count, or a negative run.
 */
export function decompress(counts: string): Uint32Array {
  const runs = new Uint32Array(counts.length);
  let length = 0;
  let value = 0;
  let groups = 0;
  for (let position = 0; position < counts.length; position++) {
    const group = counts.charCodeAt(position) - FIRST_CHARACTER;
    if (group < 0 || group > 63)
      throw new RleError(`Character ${position} of the RLE counts is not part of its alphabet.`);
    if (groups === MAX_GROUPS) throw new RleError("A run of the RLE is longer than any image.");
    value |= (group & PAYLOAD) << (5 * groups++);
    if (group & CONTINUES) continue;
    if (group & SIGN) value |= -1 << (5 * groups);
    if (length > 2) value += runs[length - 2]!;
    if (value < 0) throw new RleError(`Run ${length} of the RLE is negative.`);
    runs[length++] = value;
    value = 0;
    groups = 0;
  }
  if (groups > 0) throw new RleError("The RLE counts end inside a number.");
  return runs.subarray(0, length);
}

/**
 * Run lengths of an RLE, background first.
 * @throws RleError when they do not add up to height × width, or the text is broken.
 */
function runsOf(rle: Rle): Uint32Array {
  const [height, width] = rle.size;
  const runs = decompress(rle.counts);
  let total = 0;
  for (const run of runs) total += run;
  if (total !== height * width) {
    throw new RleError(
      `The runs of the RLE add up to ${total} pixels; ${height} × ${width} are ${height * width}.`,
    );
  }
  return runs;
}

/**
 * Calls `visit(column, top, bottom)` for every vertical stretch of mask, rows [top, bottom), from left to right.
 * Neighbouring stretches of one column do not touch.
 */
export function forEachStretch(rle: Rle, visit: StretchVisitor): void {
  if (isIndexed(rle)) {
    rle.eachStretch(visit);
    return;
  }
  const height = rle.size[0];
  let position = 0;
  runsOf(rle).forEach((run, index) => {
    const end = position + run;
    if (index % 2 === 1) {
      while (position < end) {
        const column = Math.floor(position / height);
        const columnStart = column * height;
        const stop = Math.min(end, columnStart + height);
        visit(column, position - columnStart, stop - columnStart);
        position = stop;
      }
    }
    position = end;
  });
}

/** Collects stretches of mask, column by column from the left and top, and gives the RLE of their union. */
export class RleBuilder {
  private runs = new Uint32Array(256);
  private count = 0;
  private end = 0; // column-major position after the last mask pixel

  constructor(private readonly size: ImageSize) {}

  /** Rows [top, bottom) of a column; at or after everything that was added before. */
  add(column: number, top: number, bottom: number): void {
    const start = column * this.size.height + top;
    const length = bottom - top;
    if (start === this.end && this.count > 0) this.runs[this.count - 1]! += length;
    else {
      this.push(start - this.end);
      this.push(length);
    }
    this.end = start + length;
  }

  get empty(): boolean {
    return this.count === 0;
  }

  build(): Rle {
    const { height, width } = this.size;
    const rest = height * width - this.end;
    if (rest > 0) this.push(rest);
    this.end += rest;
    return { size: [height, width], counts: compress(this.runs.subarray(0, this.count)) };
  }

  private push(run: number): void {
    if (this.count === this.runs.length) {
      const larger = new Uint32Array(2 * this.count);
      larger.set(this.runs);
      this.runs = larger;
    }
    this.runs[this.count++] = run;
  }
}

/** Bitmap -> RLE. */
export function encode(bitmap: Bitmap): Rle {
  const { height, width, data } = bitmap;
  const builder = new RleBuilder(bitmap);
  const changes = Array.from({ length: ENCODE_COLUMNS }, (): number[] => []); // rows where a column changes
  for (let left = 0; left < width; left += ENCODE_COLUMNS) {
    const columns = Math.min(ENCODE_COLUMNS, width - left);
    const inside = new Uint8Array(columns);
    for (let y = 0; y < height; y++) {
      const start = y * width + left;
      for (let x = 0; x < columns; x++) {
        const value = data[start + x]!;
        if (value !== inside[x]) {
          inside[x] = value;
          changes[x]!.push(y);
        }
      }
    }
    for (let x = 0; x < columns; x++) {
      const rows = changes[x]!;
      for (let index = 0; index < rows.length; index += 2) {
        builder.add(left + x, rows[index]!, rows[index + 1] ?? height);
      }
      rows.length = 0;
    }
  }
  return builder.build();
}

/** RLE -> bitmap. @throws RleError */
export function decode(rle: Rle): Bitmap {
  const [height, width] = rle.size;
  const bitmap = createBitmap({ height, width });
  forEachStretch(rle, (column, top, bottom) => {
    const end = bottom * width + column;
    for (let index = top * width + column; index < end; index += width) bitmap.data[index] = 1;
  });
  return bitmap;
}

/** Number of mask pixels. @throws RleError */
export function area(rle: Rle): number {
  if (isIndexed(rle)) return rle.area;
  let total = 0;
  runsOf(rle).forEach((run, index) => {
    if (index % 2 === 1) total += run;
  });
  return total;
}

/** The smallest box of whole pixels around the mask, all zero when it is empty. @throws RleError */
export function boundingBox(rle: Rle): PixelBox {
  if (isIndexed(rle)) return rle.box;
  let left = -1;
  let right = 0;
  let top = rle.size[0];
  let bottom = 0;
  forEachStretch(rle, (column, from, to) => {
    if (left < 0) left = column;
    right = column + 1;
    top = Math.min(top, from);
    bottom = Math.max(bottom, to);
  });
  return left < 0
    ? { left: 0, top: 0, width: 0, height: 0 }
    : { left, top, width: right - left, height: bottom - top };
}

/** Whether the mask covers pixel (x, y). Cheap: reads the runs up to it. @throws RleError */
export function contains(rle: Rle, x: number, y: number): boolean {
  if (isIndexed(rle)) return rle.contains(x, y);
  const [height, width] = rle.size;
  if (x < 0 || y < 0 || x >= width || y >= height) return false;
  const target = Math.floor(x) * height + Math.floor(y);
  let end = 0;
  const runs = runsOf(rle);
  for (let index = 0; index < runs.length; index++) {
    end += runs[index]!;
    if (target < end) return index % 2 === 1;
  }
  return false;
}
