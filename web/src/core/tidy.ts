/**
 * Masks of clicks without specks: parts that nobody clicked are dropped, small holes are closed.
 *
 * It is done on the decoder's grid of logits, before they are interpolated: the edge of what stays lies where it lay, at the
 * logits' sub-pixel, and what is painted at any zoom is what is saved. Cells hang together across corners, both those of the
 * mask and those of the background. So all cells of the mask among the four around a pixel are of one part, and all others of
 * one piece of background: what is dropped or closed changes no pixel of anything else.
 *
 * `server/limner/vocabulary/tidying.py` says the same in Python; `tests/golden/tidy.json` holds both to it.
 */

import type { ImageGeometry } from "./geometry.ts";
import { imageAxes, makeAxis, type Plane, StretchFinder } from "./logits.ts";
import { BACKGROUND, type DecoderPrompts, FOREGROUND, type PointLabel } from "./prompts.ts";

const HOLE_SHARE = 0.01; // of the mask with its holes: holes up to it are closed
const PART_SHARE = 0.1; // of the largest part: what a box asked for may lie in parts down to it
const TIDIED_LOGIT = 1; // of cells in a closed hole; its negative where a part was dropped

/** The cells that pixels read: the top left of the grid, the rest is padding. */
interface Seen {
  readonly rows: number;
  readonly columns: number;
  /** Cells per row of the grid. */
  readonly cells: number;
}

/** Cells of one sign that hang together across corners. */
interface Components {
  /** (rows × columns) the component of each cell, numbered from 1 in reading order of their first cells; 0 for other cells. */
  readonly names: Int32Array;
  /** By name; of 0 it means nothing. */
  readonly areas: readonly number[];
  /** By name: whether it lies at the border of what is seen. */
  readonly atBorder: readonly boolean[];
}

/**
 * The plane with its mask tidied; the same one when nothing changes.
 *
 * A hole is closed when it has at most {@link HOLE_SHARE} of the mask's area and no background point is in it. Of the parts
 * those stay that have a foreground point, or some of the mask prompt; with a box also the largest and those of at least
 * {@link PART_SHARE} of it. Where none would stay, the largest does. When the image would show nothing of what is left, the
 * plane stays as it is.
 * @param geometry of the image, or of the region that the decoder saw
 * @param prompts in pixels of the same
 */
export function tidyPlane(
  plane: Plane,
  geometry: ImageGeometry,
  cells: number,
  prompts: DecoderPrompts,
): Plane {
  const valid = geometry.validCells(cells);
  const seen = {
    rows: tapsOf(geometry.height - 1, geometry.height, valid.height, cells).far + 1,
    columns: tapsOf(geometry.width - 1, geometry.width, valid.width, cells).far + 1,
    cells,
  };
  const logits = plane.data.slice(plane.offset, plane.offset + cells * cells);
  const closed = closeHoles(logits, seen, cellsAt(prompts, BACKGROUND, logits, geometry, cells));
  const clicked = cellsAt(prompts, FOREGROUND, logits, geometry, cells);
  const dropped = dropParts(logits, seen, clicked, prompts);
  if (!closed && !dropped) return plane;
  const tidied = { data: logits, offset: 0 };
  return showsSomething(tidied, geometry, cells) ? tidied : plane;
}

/** Those that are small enough and hold none of the cells, in place. @returns whether there are any */
function closeHoles(logits: Float32Array, seen: Seen, keptOpen: readonly number[]): boolean {
  const { names, areas, atBorder } = componentsOf(logits, seen, false);
  const outside = areas.reduce((sum, area, name) => (name > 0 && atBorder[name] ? sum + area : sum), 0);
  const most = HOLE_SHARE * (names.length - outside);
  const closes = areas.map((area, name) => name > 0 && !atBorder[name] && area <= most);
  for (const cell of keptOpen) closes[nameOf(cell, names, seen)] = false;
  return change(logits, seen, names, closes, TIDIED_LOGIT);
}

/** Those that nothing asked for, in place. @returns whether there are any */
function dropParts(
  logits: Float32Array,
  seen: Seen,
  clicked: readonly number[],
  { box, mask }: Pick<DecoderPrompts, "box" | "mask">,
): boolean {
  const { names, areas } = componentsOf(logits, seen, true);
  if (areas.length <= 2) return false; // one part at most
  const largest = areas.reduce((most, area, name) => (name > 0 ? Math.max(most, area) : most), 0);
  const drops = areas.map((area, name) => name > 0 && !(box && area >= PART_SHARE * largest));
  for (const cell of clicked) drops[nameOf(cell, names, seen)] = false;
  if (mask) {
    for (let row = 0, index = 0; row < seen.rows; row++)
      for (let column = 0; column < seen.columns; column++, index++)
        if (mask[row * seen.cells + column]! > 0) drops[names[index]!] = false;
  }
  if (drops.every((each, name) => each || name === 0))
    drops[areas.findIndex((area, name) => name > 0 && area === largest)] = false;
  return change(logits, seen, names, drops, -TIDIED_LOGIT);
}

/** Set the logits of all cells whose component is chosen. */
function change(
  logits: Float32Array,
  { rows, columns, cells }: Seen,
  names: Int32Array,
  chosen: readonly boolean[],
  logit: number,
): boolean {
  if (!chosen.includes(true)) return false;
  for (let row = 0, index = 0; row < rows; row++)
    for (let column = 0; column < columns; column++, index++)
      if (chosen[names[index]!]) logits[row * cells + column] = logit;
  return true;
}

/** @param positive whether of the mask, else of the background */
function componentsOf(logits: Float32Array, { rows, columns, cells }: Seen, positive: boolean): Components {
  const names = new Int32Array(rows * columns); // until a cell is reached: −1 where its sign is the one that is meant
  for (let row = 0, index = 0; row < rows; row++)
    for (let column = 0; column < columns; column++, index++)
      names[index] = logits[row * cells + column]! > 0 === positive ? -1 : 0;
  const areas = [0];
  const atBorder = [false];
  const reached = new Int32Array(rows * columns);
  for (let start = 0; start < names.length; start++) {
    if (names[start] !== -1) continue;
    const name = areas.length;
    names[start] = name;
    reached[0] = start;
    let count = 1;
    let touches = false;
    for (let next = 0; next < count; next++) {
      const at = reached[next]!;
      const row = Math.floor(at / columns);
      const column = at - row * columns;
      touches ||= row === 0 || row === rows - 1 || column === 0 || column === columns - 1;
      const [left, right] = [Math.max(column - 1, 0), Math.min(column + 1, columns - 1)];
      for (let y = Math.max(row - 1, 0); y <= Math.min(row + 1, rows - 1); y++) {
        for (let index = y * columns + left; index <= y * columns + right; index++) {
          if (names[index] !== -1) continue;
          names[index] = name;
          reached[count++] = index;
        }
      }
    }
    areas.push(count);
    atBorder.push(touches);
  }
  return { names, areas, atBorder };
}

/**
 * For each point with the label whose pixel is in what it asks for: a cell around it that is too, as an index of the grid. A
 * foreground point asks for the mask, a background point for the background. Whichever of such cells is taken, all are of one
 * part.
 */
function cellsAt(
  { points }: Pick<DecoderPrompts, "points">,
  label: PointLabel,
  logits: Float32Array,
  geometry: ImageGeometry,
  cells: number,
): number[] {
  const valid = geometry.validCells(cells);
  const found: number[] = [];
  for (const { at, label: each } of points) {
    if (each !== label) continue;
    const [x, y] = at;
    const row = tapsOf(pixelAt(y, geometry.height), geometry.height, valid.height, cells);
    const column = tapsOf(pixelAt(x, geometry.width), geometry.width, valid.width, cells);
    const corners = [row.near, row.far].flatMap((r) => [r * cells + column.near, r * cells + column.far]);
    const [topLeft, topRight, bottomLeft, bottomRight] = corners.map((corner) => logits[corner]!);
    const near = topLeft! * (1 - row.weight) + bottomLeft! * row.weight;
    const far = topRight! * (1 - row.weight) + bottomRight! * row.weight;
    const isIn = near * (1 - column.weight) + far * column.weight > 0;
    if (isIn !== (label === FOREGROUND)) continue;
    found.push(corners.find((corner) => logits[corner]! > 0 === isIn)!);
  }
  return found;
}

const pixelAt = (at: number, length: number): number => Math.min(Math.max(Math.floor(at), 0), length - 1);

const nameOf = (cell: number, names: Int32Array, { columns, cells }: Seen): number =>
  names[Math.floor(cell / cells) * columns + (cell % cells)]!;

/** The two cells that a pixel is interpolated from along one axis, and the weight of the second. */
function tapsOf(
  pixel: number,
  length: number,
  validCells: number,
  cells: number,
): { near: number; far: number; weight: number } {
  const axis = makeAxis(pixel, 1, 1, validCells / length, cells);
  const near = axis.cell[0]!;
  return { near, far: Math.min(near + 1, cells - 1), weight: axis.weight[0]! };
}

/** Whether the mask has a pixel of the image. */
function showsSomething(plane: Plane, geometry: ImageGeometry, cells: number): boolean {
  const finder = new StretchFinder();
  finder.begin(plane, imageAxes(geometry, cells), "rows");
  for (let row = 0; row < geometry.height; row++) if (finder.find(row) > 0) return true;
  return false;
}
