/** Logits into RGBA pixels, at the resolution in which they are seen. */

import {
  type Axis,
  interpolateRow,
  mayHoldMask,
  occupiedLines,
  type Plane,
  positiveStretches,
} from "./logits.ts";
import type { PixelBox } from "./rle.ts";

/** A colour as one little-endian word of ImageData: 0xAABBGGRR, not premultiplied. */
export type Rgba = number;

/** @param hex "#rrggbb" @param alpha 0 to 1 */
export function rgba(hex: string, alpha: number): Rgba {
  const [red, green, blue] = [1, 3, 5].map((start) => Number.parseInt(hex.slice(start, start + 2), 16));
  return ((Math.round(alpha * 255) << 24) | (blue! << 16) | (green! << 8) | red!) >>> 0;
}

export interface MaskStyle {
  readonly fill: Rgba;
  readonly rim: Rgba;
  /** Width of the rim, in pixels of the output. */
  readonly rimWidth: number;
}

/**
 * Paints the mask of a plane of logits. Works on the ends of stretches rather than on pixels, and keeps its buffers, so that
 * a hovering pointer costs little time and next to no memory.
 */
export class MaskPainter {
  private line = new Float64Array(0);
  private spans = new Int32Array(0); // [start, end) pairs of all rows, one row after the other
  private rowStarts = new Int32Array(0); // (rows + 1,) where each row's pairs begin
  private core = new Int32Array(0);
  private scratch = new Int32Array(0);

  /**
   * Fill where the interpolated logits are above 0. The rim lies inside; along the border of the output there is none,
   * because the mask goes on beyond what is visible.
   * @param pixels (rows.length, columns.length)
   * @returns the box outside which nothing was touched, null when the mask is empty here. Inside it, all is repainted.
   */
  paint(plane: Plane, rows: Axis, columns: Axis, pixels: Uint32Array, style: MaskStyle): PixelBox | null {
    const box = this.findSpans(plane, rows, columns);
    if (!box) return null;
    const width = columns.length;
    for (let y = box.top; y < box.top + box.height; y++) {
      const start = y * width;
      pixels.fill(0, start + box.left, start + box.left + box.width);
      for (let index = this.rowStarts[y]!; index < this.rowStarts[y + 1]!; index += 2) {
        pixels.fill(style.rim, start + this.spans[index]!, start + this.spans[index + 1]!);
      }
      const count = this.coreOf(y, rows.length, width, style.rimWidth);
      for (let index = 0; index < count; index += 2) {
        pixels.fill(style.fill, start + this.core[index]!, start + this.core[index + 1]!);
      }
    }
    return box;
  }

  private findSpans(plane: Plane, rows: Axis, columns: Axis): PixelBox | null {
    this.allocate(rows, columns);
    const occupied = occupiedLines(plane, rows.cells).rows;
    const row = this.scratch;
    let [left, right, top, bottom] = [columns.length, 0, -1, 0];
    let end = 0;
    for (let y = 0; y < rows.length; y++) {
      this.rowStarts[y] = end;
      if (!mayHoldMask(occupied, rows, y)) continue;
      interpolateRow(plane, rows, y, this.line);
      const count = positiveStretches(this.line, columns, row);
      if (count === 0) continue;
      if (end + count > this.spans.length) this.spans = grown(this.spans, end + count);
      for (let index = 0; index < count; index++) this.spans[end++] = row[index]!;
      left = Math.min(left, row[0]!);
      right = Math.max(right, row[count - 1]!);
      if (top < 0) top = y;
      bottom = y + 1;
    }
    this.rowStarts[rows.length] = end;
    return top < 0 ? null : { left, top, width: right - left, height: bottom - top };
  }

  /** Where a row is further than the rim from the border of the mask: in `core`. @returns how many numbers */
  private coreOf(y: number, height: number, width: number, rim: number): number {
    const { spans, rowStarts, core, scratch } = this;
    let count = 0;
    for (let index = rowStarts[y]!; index < rowStarts[y + 1]!; index += 2) {
      const start = spans[index]! > 0 ? spans[index]! + rim : 0;
      const end = spans[index + 1]! < width ? spans[index + 1]! - rim : width;
      if (start >= end) continue;
      core[count++] = start;
      core[count++] = end;
    }
    for (const neighbour of [y - rim, y + rim]) {
      if (neighbour < 0 || neighbour >= height) continue;
      const [from, to] = [rowStarts[neighbour]!, rowStarts[neighbour + 1]!];
      scratch.set(core.subarray(0, count));
      count = intersect(scratch, count, spans, from, to, core);
    }
    return count;
  }

  private allocate(rows: Axis, columns: Axis): void {
    if (this.line.length !== rows.cells) this.line = new Float64Array(rows.cells);
    const longest = 2 * (columns.cells + 1) * 2; // an intersection has at most as many pairs as both together
    if (this.core.length < longest)
      [this.core, this.scratch] = [new Int32Array(longest), new Int32Array(longest)];
    if (this.rowStarts.length <= rows.length) this.rowStarts = new Int32Array(rows.length + 1);
  }
}

/** Pairs [start, end) that lie both in a[0, countA) and in b[from, to), in order. @returns how many numbers */
export function intersect(
  a: Int32Array,
  countA: number,
  b: Int32Array,
  from: number,
  to: number,
  out: Int32Array,
): number {
  let count = 0;
  for (let i = 0, j = from; i < countA && j < to; ) {
    const start = Math.max(a[i]!, b[j]!);
    const end = Math.min(a[i + 1]!, b[j + 1]!);
    if (start < end) {
      out[count++] = start;
      out[count++] = end;
    }
    if (a[i + 1]! < b[j + 1]!) i += 2;
    else j += 2;
  }
  return count;
}

function grown(array: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(Math.max(length, 2 * array.length));
  larger.set(array);
  return larger;
}
