/** Where a grid of logits has its mask, in image pixels. */

import type { ImageGeometry } from "./geometry.ts";
import type { Plane } from "./logits.ts";
import type { PixelBox } from "./pixel-box.ts";

/**
 * Around the cells above 0, to the cell; null when there is none.
 * @param geometry of what the logits are of
 * @param cells of the grid's side
 */
export function boxOfPlane({ data, offset }: Plane, geometry: ImageGeometry, cells: number): PixelBox | null {
  const valid = geometry.validCells(cells);
  const [rows, columns] = [Math.ceil(valid.height), Math.ceil(valid.width)];
  let [left, top, right, bottom] = [columns, rows, 0, 0];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      if (data[offset + row * cells + column]! <= 0) continue;
      left = Math.min(left, column);
      right = Math.max(right, column + 1);
      top = Math.min(top, row);
      bottom = row + 1;
    }
  }
  if (right === 0) return null;
  const [across, down] = [geometry.width / valid.width, geometry.height / valid.height]; // image px per cell
  const x = Math.min(right, valid.width) - left;
  const y = Math.min(bottom, valid.height) - top;
  return { left: left * across, top: top * down, width: x * across, height: y * down };
}

/** How many cells of the image are above 0. */
export function cellsOfPlane({ data, offset }: Plane, geometry: ImageGeometry, cells: number): number {
  const valid = geometry.validCells(cells);
  let count = 0;
  for (let row = 0; row < valid.height; row++) {
    for (let column = 0; column < valid.width; column++) {
      if (data[offset + row * cells + column]! > 0) count++;
    }
  }
  return count;
}
