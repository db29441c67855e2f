/** The border of a saved mask along the edges of its pixels, to be stroked in any width. */

import { forEachStretch, type Rle } from "../core/rle.ts";

/** What a Path2D offers; coordinates are image pixels. */
export interface Pen {
  moveTo(x: number, y: number): void;
  lineTo(x: number, y: number): void;
}

/** @throws RleError */
export function drawContour(rle: Rle, pen: Pen): void {
  let column = -1;
  let before: number[] = []; // where the column to the left begins and ends being mask
  let here: number[] = [];
  const finishColumn = () => {
    drawVerticals(pen, column, before, here);
    before = here;
    here = [];
    column++;
  };
  forEachStretch(rle, (x, top, bottom) => {
    if (column < 0) column = x;
    while (column < x) finishColumn();
    here.push(top, bottom);
    for (const y of [top, bottom]) {
      pen.moveTo(x, y);
      pen.lineTo(x + 1, y);
    }
  });
  if (column < 0) return;
  finishColumn();
  finishColumn();
}

/** Between two columns the border runs where exactly one of them is mask: between their sorted ends, pairwise. */
function drawVerticals(pen: Pen, x: number, left: readonly number[], right: readonly number[]): void {
  const ends = [...left, ...right].sort((a, b) => a - b);
  for (let index = 0; index < ends.length; index += 2) {
    if (ends[index] === ends[index + 1]) continue;
    pen.moveTo(x, ends[index]!);
    pen.lineTo(x, ends[index + 1]!);
  }
}
