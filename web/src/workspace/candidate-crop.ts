/** What the thumbnails of candidates show: the same square for all, so that they can be compared. */
import type { ImageSize } from "../core/geometry.ts";
import type { Plane } from "../core/logits.ts";

/** In cells of the decoder's grid. */
export interface Crop {
  readonly x: number;
  readonly y: number;
  readonly side: number;
}

const MARGIN = 0.1; // of the longer side, around what the candidates cover
const STRAY = 0.05; // of a candidate's cells, at each end: a speckle far away must not make all the rest small

/** Around all candidates; the whole image where none covers anything. @param valid the image's share of the grid */
export function cropAround(planes: readonly Plane[], cells: number, valid: ImageSize): Crop {
  const [columns, rows] = [Math.ceil(valid.width), Math.ceil(valid.height)];
  let [left, top, right, bottom] = [columns, rows, 0, 0];
  for (const { data, offset } of planes) {
    const across = new Uint32Array(columns); // covered cells in each column
    const down = new Uint32Array(rows);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        if (data[offset + row * cells + column]! <= 0) continue;
        across[column]!++;
        down[row]!++;
      }
    }
    const [horizontal, vertical] = [extent(across), extent(down)];
    if (!horizontal || !vertical) continue;
    [left, right] = [Math.min(left, horizontal[0]), Math.max(right, horizontal[1])];
    [top, bottom] = [Math.min(top, vertical[0]), Math.max(bottom, vertical[1])];
  }
  if (right === 0) [left, top, right, bottom] = [0, 0, columns, rows];
  const side = Math.max(right - left, bottom - top) * (1 + 2 * MARGIN);
  return { x: (left + right - side) / 2, y: (top + bottom - side) / 2, side };
}

/** From where to where all but strays are; null of nothing. */
function extent(counts: Uint32Array): [start: number, end: number] | null {
  const strays = STRAY * counts.reduce((sum, count) => sum + count, 0);
  const upTo = (ordered: Uint32Array) => {
    let passed = 0;
    return ordered.findIndex((count) => {
      passed += count;
      return passed > strays;
    });
  };
  const start = upTo(counts);
  return start < 0 ? null : [start, counts.length - upTo(counts.toReversed())];
}

/** Which pixels of a square thumbnail the mask covers: (side · side,) 0 or 1, row by row. */
export function covered(plane: Plane, cells: number, valid: ImageSize, crop: Crop, side: number): Uint8Array {
  const pixels = new Uint8Array(side * side);
  for (let y = 0; y < side; y++) {
    const row = Math.floor(crop.y + ((y + 0.5) * crop.side) / side);
    if (row < 0 || row >= valid.height) continue;
    for (let x = 0; x < side; x++) {
      const column = Math.floor(crop.x + ((x + 0.5) * crop.side) / side);
      if (column < 0 || column >= valid.width) continue;
      if (plane.data[plane.offset + row * cells + column]! > 0) pixels[y * side + x] = 1;
    }
  }
  return pixels;
}
