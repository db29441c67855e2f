/** Logits into RGBA pixels, at the resolution in which they are seen. */

import { type Axes, type Plane, StretchFinder } from "./logits.ts";
import type { PixelBox } from "./pixel-box.ts";

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
  private readonly finder = new StretchFinder();
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
  paint(plane: Plane, axes: Axes, pixels: Uint32Array, style: MaskStyle): PixelBox | null {
    const box = this.findSpans(plane, axes);
    if (!box) return null;
    const { spans, rowStarts } = this;
    const [height, width] = [axes.rows.length, axes.columns.length];
    for (let y = box.top; y < box.top + box.height; y++) {
      const start = y * width;
      const count = this.findCore(y, height, width, style.rimWidth);
      const { core } = this;
      let x = box.left; // painted up to here
      let next = 0; // of the core
      for (let index = rowStarts[y]!; index < rowStarts[y + 1]!; index += 2) {
        fill(pixels, 0, start + x, start + spans[index]!);
        x = spans[index]!;
        const end = spans[index + 1]!;
        for (; next < count && core[next]! < end; next += 2) {
          fill(pixels, style.rim, start + x, start + core[next]!);
          x = core[next + 1]!;
          fill(pixels, style.fill, start + core[next]!, start + x);
        }
        fill(pixels, style.rim, start + x, start + end);
        x = end;
      }
      fill(pixels, 0, start + x, start + box.left + box.width);
    }
    return box;
  }

  private findSpans(plane: Plane, axes: Axes): PixelBox | null {
    const { finder } = this;
    const height = axes.rows.length;
    finder.begin(plane, axes, "rows");
    const { ends } = finder;
    if (this.rowStarts.length <= height) this.rowStarts = new Int32Array(height + 1);
    let [left, right, top, bottom] = [axes.columns.length, 0, -1, 0];
    let [end, longest] = [0, 0];
    for (let y = 0; y < height; y++) {
      this.rowStarts[y] = end;
      const count = finder.find(y);
      if (count === 0) continue;
      if (end + count > this.spans.length) this.spans = grown(this.spans, end + count);
      for (let index = 0; index < count; index++) this.spans[end++] = ends[index]!;
      if (ends[0]! < left) left = ends[0]!;
      if (ends[count - 1]! > right) right = ends[count - 1]!;
      if (count > longest) longest = count;
      if (top < 0) top = y;
      bottom = y + 1;
    }
    this.rowStarts[height] = end;
    // An intersection has at most as many pairs as both together, and there are two of them.
    if (this.core.length < 3 * longest)
      [this.core, this.scratch] = [new Int32Array(3 * longest), new Int32Array(3 * longest)];
    return top < 0 ? null : { left, top, width: right - left, height: bottom - top };
  }

  /** Where a row is further than the rim from the border of the mask: in `core`. @returns how many numbers */
  private findCore(y: number, height: number, width: number, rim: number): number {
    const { spans, rowStarts } = this;
    let count = 0;
    for (let index = rowStarts[y]!; index < rowStarts[y + 1]!; index += 2) {
      const start = spans[index]! > 0 ? spans[index]! + rim : 0;
      const end = spans[index + 1]! < width ? spans[index + 1]! - rim : width;
      if (start >= end) continue;
      this.core[count++] = start;
      this.core[count++] = end;
    }
    if (y >= rim) count = this.intersectCore(count, y - rim);
    if (y + rim < height) count = this.intersectCore(count, y + rim);
    return count;
  }

  private intersectCore(count: number, y: number): number {
    const { core, scratch, spans, rowStarts } = this;
    [this.core, this.scratch] = [scratch, core];
    return intersect(core, count, spans, rowStarts[y]!, rowStarts[y + 1]!, scratch);
  }
}

const SHORT = 16; // pixels; up to here a call to fill() costs more than it saves

function fill(pixels: Uint32Array, value: Rgba, from: number, to: number): void {
  if (to - from > SHORT) pixels.fill(value, from, to);
  else for (let index = from; index < to; index++) pixels[index] = value;
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
