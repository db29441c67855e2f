/**
 * From the decoder's low-resolution logits to masks, only where they are seen or needed.
 *
 * Logits lie on a square grid over the model's input. Between cell centres they are interpolated bilinearly with
 * `align_corners=False` and cut at 0, in one step from the grid to the output: `upsample_logits` in
 * `server/limner/vocabulary/geometry.py` says the same, `tests/golden/logits.json` holds both to it.
 *
 * Between four cell centres of one sign every pixel has that sign, and along a line the interpolated logits are straight from
 * cell to cell, so that the sign changes once at most. So a mask costs a look at the cells along its outline, not at its pixels.
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

export interface Axes {
  readonly rows: Axis;
  readonly columns: Axis;
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
export function imageAxes(geometry: ImageGeometry, cells: number): Axes {
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

/** What a part of a line holds, where it is not the cell to be interpolated. */
const EMPTY = -1;
const FULL = -2;

/**
 * Finds the stretches of pixels whose logit is above 0, line by line: rows or columns of the output.
 *
 * Lines between the same two lines of the grid form a band and share what is known of it: a line is a sequence of parts, each
 * empty, full, or one cell that has to be interpolated.
 */
export class StretchFinder {
  /** [start, end) pairs of the line that {@link find} was called for. */
  ends = new Int32Array(0);
  private plane: Plane = { data: new Float32Array(0), offset: 0 };
  private across!: Axis; // over the lines
  private along!: Axis; // over the pixels of a line
  private toNextLine = 0; // between cells, in the plane's array
  private toNextCell = 0;
  private band = -1; // the line of the grid before the lines that the parts hold for
  private parts = new Int32Array(0); // pairs: first pixel; EMPTY, FULL or a cell
  private partCount = 0; // numbers in `parts`

  /** @param lines which of the output's axes numbers the lines */
  begin(plane: Plane, { rows, columns }: Axes, lines: "rows" | "columns"): void {
    this.plane = plane;
    [this.across, this.along] = lines === "rows" ? [rows, columns] : [columns, rows];
    [this.toNextLine, this.toNextCell] = lines === "rows" ? [rows.cells, 1] : [1, rows.cells];
    this.band = -1;
    const longest = 2 * (this.along.cells + 1);
    if (this.ends.length < longest) {
      this.ends = new Int32Array(longest);
      this.parts = new Int32Array(longest);
    }
  }

  /** @returns how many numbers of `ends` hold for this line */
  find(line: number): number {
    const { along, ends, parts, plane, toNextLine, toNextCell } = this;
    const { data } = plane;
    const { cells, first } = along;
    const band = this.across.cell[line]!;
    if (band !== this.band) this.divide(band);
    const weight = this.across.weight[line]!;
    const start = plane.offset + band * toNextLine;
    const toFar = band + 1 < this.across.cells ? toNextLine : 0;
    let written = 0;
    let inside = false;
    for (let part = 0; part < this.partCount; part += 2) {
      const from = parts[part]!;
      const cell = parts[part + 1]!;
      let sign = cell === FULL;
      let change = from;
      if (cell >= 0) {
        const index = start + cell * toNextCell;
        const next = cell + 1 < cells ? index + toNextCell : index;
        const near = data[index]! + (data[index + toFar]! - data[index]!) * weight;
        const far = data[next]! + (data[next + toFar]! - data[next]!) * weight;
        sign = near > 0;
        if (sign !== far > 0) {
          change = signChange(near, far, along, from, first[cell + 1]!);
          if (change === from) sign = !sign;
        }
      }
      if (sign !== inside) {
        ends[written++] = from;
        inside = sign;
      }
      if (change > from && change < first[cell + 1]!) {
        ends[written++] = change;
        inside = !inside;
      }
    }
    if (inside) ends[written++] = along.length;
    return written;
  }

  /** Look at the signs of the cells in a band. */
  private divide(band: number): void {
    const { along, across, parts, plane, toNextLine, toNextCell } = this;
    const { data } = plane;
    const { cells, first } = along;
    const toFar = band + 1 < across.cells ? toNextLine : 0;
    const last = along.cell[along.length - 1]!;
    let count = 0;
    let before = NaN; // none yet
    let index = plane.offset + band * toNextLine + along.cell[0]! * toNextCell;
    for (let cell = along.cell[0]!; cell <= last; cell++, index += toNextCell) {
      if (first[cell] === first[cell + 1]) continue;
      const next = cell + 1 < cells ? index + toNextCell : index;
      const positive =
        +(data[index]! > 0) + +(data[index + toFar]! > 0) + +(data[next]! > 0) + +(data[next + toFar]! > 0);
      const kind = positive === 0 ? EMPTY : positive === 4 ? FULL : cell;
      if (kind === before) continue;
      parts[count++] = first[cell]!;
      parts[count++] = before = kind;
    }
    this.band = band;
    this.partCount = count;
  }
}

/**
 * First pixel in [from, to) that has the sign of `far`, the logit of the next cell; `to` if there is none. The line is straight
 * between the two: the place is computed, and corrected by what rounding may do.
 */
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
