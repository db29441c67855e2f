/** What the thumbnails of candidates show: the same square for all, so that they can be compared. */
import type { ImageSize } from "../../core/geometry.ts";
import type { Plane } from "../../core/logits.ts";

/** In cells of the decoder's grid. */
export interface Crop {
  readonly x: number;
  readonly y: number;
  readonly side: number;
}

const MARGIN = 0.1; // of the longer side, around everything that any candidate covers

/** Around all candidates; the whole image where none covers anything. @param valid the image's share of the grid */
export function cropAround(planes: readonly Plane[], cells: number, valid: ImageSize): Crop {
  const [columns, rows] = [Math.ceil(valid.width), Math.ceil(valid.height)];
  let [left, top, right, bottom] = [columns, rows, 0, 0];
  for (const { data, offset } of planes) {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        if (data[offset + row * cells + column]! <= 0) continue;
        left = Math.min(left, column);
        top = Math.min(top, row);
        right = Math.max(right, column + 1);
        bottom = Math.max(bottom, row + 1);
      }
    }
  }
  if (right === 0) [left, top, right, bottom] = [0, 0, columns, rows];
  const side = Math.max(right - left, bottom - top) * (1 + 2 * MARGIN);
  return { x: (left + right - side) / 2, y: (top + bottom - side) / 2, side };
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
