/** A saved mask as small pixels to paint: which of them are mask, and which of those are its rim. */

import type { Rgba } from "../core/paint.ts";
import { intersection, type PixelBox } from "../core/pixel-box.ts";
import { forEachStretch, type Rle } from "../core/rle.ts";

/** Output pixels laid over the image. Each shows the image pixel under its middle. */
export interface Grid {
  /** Of the top-left corner, in image pixels. */
  readonly left: number;
  readonly top: number;
  /** Image pixels per output pixel, at least 1. */
  readonly step: number;
  readonly width: number;
  readonly height: number;
}

export interface Stencil extends PixelBox {
  /** (height, width): {@link EMPTY}, {@link FILL} or {@link RIM}. left and top are in pixels of the grid. */
  readonly levels: Uint8Array;
}

export const EMPTY = 0;
export const FILL = 1;
export const RIM = 2;

/** Where a grid shows a box of image pixels, and one pixel around; may reach beyond the grid. */
export function onGrid(box: PixelBox, grid: Grid): PixelBox {
  const left = firstPixelFrom(box.left, grid.left, grid.step) - 1;
  const top = firstPixelFrom(box.top, grid.top, grid.step) - 1;
  const right = firstPixelFrom(box.left + box.width, grid.left, grid.step) + 1;
  const bottom = firstPixelFrom(box.top + box.height, grid.top, grid.step) + 1;
  return { left, top, width: right - left, height: bottom - top };
}

/**
 * The part of a mask that a window on a grid shows; null when it shows none.
 * @param box of the mask, from `boundingBox`
 * @param window in pixels of the grid and inside it; its border is no rim
 * @throws RleError
 */
export function makeStencil(mask: Rle, box: PixelBox, grid: Grid, window: PixelBox): Stencil | null {
  // One empty pixel around the mask, so that the rim goes all the way round.
  const shown = box.width > 0 ? intersection(onGrid(box, grid), window) : null;
  if (!shown) return null;
  const column = (x: number) => firstPixelFrom(x, grid.left, grid.step);
  const row = (y: number) => firstPixelFrom(y, grid.top, grid.step);
  const { left, top, width, height } = shown;
  const levels = new Uint8Array(width * height);
  forEachStretch(mask, (x, from, to) => {
    const firstColumn = Math.max(column(x), left);
    const endColumn = Math.min(column(x + 1), left + width);
    if (firstColumn >= endColumn) return;
    const firstRow = Math.max(row(from), top) - top;
    const endRow = Math.min(row(to), top + height) - top;
    // As a step is at least 1, a column of the image is at most one of the grid: too short for fill().
    for (let x = firstColumn - left; x < endColumn - left; x++) {
      const end = endRow * width + x;
      for (let index = firstRow * width + x; index < end; index += width) levels[index] = FILL;
    }
  });
  markRim(levels, height, width);
  return { left, top, width, height, levels };
}

/**
 * Paint over what is there, inside a window.
 * @param pixels (height, width) of the grid
 */
export function blit(
  stencil: Stencil,
  window: PixelBox,
  fill: Rgba,
  rim: Rgba,
  pixels: Uint32Array,
  gridWidth: number,
): void {
  const shown = intersection(stencil, window);
  if (!shown) return;
  for (let y = shown.top; y < shown.top + shown.height; y++) {
    const from = (y - stencil.top) * stencil.width - stencil.left;
    for (let x = shown.left; x < shown.left + shown.width; x++) {
      const level = stencil.levels[from + x];
      if (level !== EMPTY) pixels[y * gridWidth + x] = level === RIM ? rim : fill;
    }
  }
}

/** First output pixel whose middle lies at or after a place on the image. */
function firstPixelFrom(place: number, origin: number, step: number): number {
  return Math.ceil((place - origin) / step - 0.5);
}

function markRim(levels: Uint8Array, height: number, width: number): void {
  for (let y = 0, index = 0; y < height; y++) {
    const above = y > 0 ? width : 0;
    const below = y + 1 < height ? width : 0;
    for (let x = 0; x < width; x++, index++) {
      if (levels[index] === EMPTY) continue;
      const before = x > 0 ? index - 1 : index;
      const after = x + 1 < width ? index + 1 : index;
      const inside =
        levels[before] !== EMPTY &&
        levels[after] !== EMPTY &&
        levels[index - above] !== EMPTY &&
        levels[index + below] !== EMPTY;
      if (!inside) levels[index] = RIM;
    }
  }
}
