/**
 * From the decoder's low-resolution logits to masks, only where they are seen or needed.
 *
 * Logits lie on a square grid over the padded model input. Between cell centres they are interpolated bilinearly with
 * `align_corners=False` and cut at 0, in one step from the grid to the output: `upsample_logits` in
 * `server/limner/geometry.py` says the same, `tests/golden/logits.json` holds both to it.
 *
 * Along a line, the interpolated logits are straight between two cells: where both cells have one sign so has every pixel
 * between them, and where the sign changes it does so once. So a line costs a look at its cells, not at its pixels.
 */

import type { ImageGeometry, ImageSize } from "./geometry.ts";

/** Where the pixel centres of one output axis lie on the grid. */
export interface Axis {
  readonly length: number;
  /** Cells per side of the grid. */
  readonly cells: number;
  /** Cells from one pixel to the next. */
  readonly step: number;
  /** (length,) the cell at or before each pixel. */
  readonly cell: Int32Array;
  /** (length,) weight of the next cell, 0 to 1. */
  readonly weight: Float64Array;
  /** (cells + 1,) the first pixel at or after each cell. */
  readonly first: Int32Array;
}

/** One of the decoder's masks: logits (cells, cells) at an offset of a larger array. */
export interface Plane {
  readonly data: Float32Array;
  readonly offset: number;
}

/**
 * @param origin of the output in image pixels
 * @param step image pixels per output pixel
 * @param cellsPerPixel grid cells per image pixel
 */
export function makeAxis(
  origin: number,
  step: number,
  length: number,
  cellsPerPixel: number,
  cells: number,
): Axis {
  const cell = new Int32Array(length);
  const weight = new Float64Array(length);
  const first = new Int32Array(cells + 1).fill(length);
  let next = 0;
  for (let pixel = 0; pixel < length; pixel++) {
    const position = Math.min(Math.max((origin + (pixel + 0.5) * step) * cellsPerPixel - 0.5, 0), cells - 1);
    const low = Math.floor(position);
    cell[pixel] = low;
    weight[pixel] = position - low;
    while (next <= low) first[next++] = pixel;
  }
  return { length, cells, step: step * cellsPerPixel, cell, weight, first };
}

/** The axes (rows, columns) of the whole image at its own resolution. */
export function imageAxes(geometry: ImageGeometry, cells: number): { rows: Axis; columns: Axis } {
  const valid = geometry.validCells(cells);
  return {
    rows: makeAxis(0, 1, geometry.height, valid.height / geometry.height, cells),
    columns: makeAxis(0, 1, geometry.width, valid.width / geometry.width, cells),
  };
}

/**
 * How many rows and columns of a coarser grid over the same input cover all logits that are read for the image: a logit
 * beyond its edge counts too, as the neighbour of the last one.
 */
export function neededCells(geometry: ImageGeometry, cells: number, coarseCells: number): ImageSize {
  const valid = geometry.validCells(cells);
  const needed = (length: number) => Math.min(Math.ceil(((length + 1) * coarseCells) / cells), coarseCells);
  return { height: needed(valid.height), width: needed(valid.width) };
}

/** Which rows and columns of the grid hold a logit above 0: lines between two that do not are empty, and need no look. */
export function occupiedLines(plane: Plane, cells: number): { rows: Uint8Array; columns: Uint8Array } {
  const rows = new Uint8Array(cells);
  const columns = new Uint8Array(cells);
  for (let row = 0, index = plane.offset; row < cells; row++) {
    for (let column = 0; column < cells; column++, index++) {
      if (plane.data[index]! > 0) rows[row] = columns[column] = 1;
    }
  }
  return { rows, columns };
}

/** Whether an output line between cells may hold a logit above 0. */
export function mayHoldMask(occupied: Uint8Array, axis: Axis, pixel: number): boolean {
  const cell = axis.cell[pixel]!;
  return occupied[cell] === 1 || occupied[cell + 1] === 1;
}

/** Logits along the grid's row (cells,) under one pixel row of the output. */
export function interpolateRow(plane: Plane, rows: Axis, pixel: number, line: Float64Array): void {
  const { cells } = rows;
  const near = plane.offset + rows.cell[pixel]! * cells;
  interpolate(plane.data, near, rows.cell[pixel]! + 1 < cells ? cells : 0, 1, rows.weight[pixel]!, line);
}

/** Logits along the grid's column (cells,) under one pixel column of the output. */
export function interpolateColumn(plane: Plane, columns: Axis, pixel: number, line: Float64Array): void {
  const { cells } = columns;
  const near = plane.offset + columns.cell[pixel]!;
  interpolate(
    plane.data,
    near,
    columns.cell[pixel]! + 1 < cells ? 1 : 0,
    cells,
    columns.weight[pixel]!,
    line,
  );
}

function interpolate(
  data: Float32Array,
  near: number,
  toFar: number,
  stride: number,
  weight: number,
  line: Float64Array,
): void {
  for (let cell = 0, index = near; cell < line.length; cell++, index += stride) {
    const value = data[index]!;
    line[cell] = value + (data[index + toFar]! - value) * weight;
  }
}

/**
 * The stretches of pixels whose logit is above 0, as [start, end) pairs.
 * @param line logits at the cells of the axis
 * @param out takes the pairs; at least `2 * (cells + 1)` long
 * @returns how many numbers were written
 */
export function positiveStretches(line: Float64Array, axis: Axis, out: Int32Array): number {
  const { cells, first } = axis;
  let written = 0;
  let inside = false;
  for (let cell = 0; cell < cells; cell++) {
    const from = first[cell]!;
    const to = first[cell + 1]!;
    if (from === to) continue;
    const near = line[cell]!;
    const far = cell + 1 < cells ? line[cell + 1]! : near;
    const change = near > 0 === far > 0 ? to : signChange(near, far, axis, from, to);
    const sign = change === from ? far > 0 : near > 0;
    if (sign !== inside) {
      out[written++] = from;
      inside = sign;
    }
    if (change > from && change < to) {
      out[written++] = change;
      inside = !inside;
    }
  }
  if (inside) out[written++] = axis.length;
  return written;
}

/** First pixel in [from, to) that has the sign of `far`, the logit of the next cell; `to` if there is none. */
function signChange(near: number, far: number, axis: Axis, from: number, to: number): number {
  const { weight, step } = axis;
  const slope = far - near;
  const positive = far > 0;
  const guess = to - 1 - Math.floor((weight[to - 1]! + near / slope) / step);
  let pixel = Math.min(Math.max(guess, from), to);
  while (pixel > from && near + slope * weight[pixel - 1]! > 0 === positive) pixel--;
  while (pixel < to && near + slope * weight[pixel]! > 0 !== positive) pixel++;
  return pixel;
}
