/** Which places of a grid of tiles a rectangle touches. All lengths are in px of the grid, from its top left corner. */

export interface TileGrid {
  readonly columns: number;
  /** Of a tile, without the gap beside it. */
  readonly width: number;
  readonly height: number;
  readonly gap: number;
  /** How many tiles there are. */
  readonly count: number;
}

export interface Corners {
  readonly from: readonly [x: number, y: number];
  readonly to: readonly [x: number, y: number];
}

/** Ascending; in whatever direction the rectangle was drawn. */
export function placesIn(grid: TileGrid, { from, to }: Corners): number[] {
  const [left, right] = from[0] < to[0] ? [from[0], to[0]] : [to[0], from[0]];
  const [top, bottom] = from[1] < to[1] ? [from[1], to[1]] : [to[1], from[1]];
  const [firstColumn, lastColumn] = touched(left, right, grid.width, grid.gap, grid.columns);
  const rows = Math.ceil(grid.count / grid.columns);
  const [firstRow, lastRow] = touched(top, bottom, grid.height, grid.gap, rows);
  const places: number[] = [];
  for (let row = firstRow; row <= lastRow; row++)
    for (let column = firstColumn; column <= lastColumn; column++) {
      const place = row * grid.columns + column;
      if (place < grid.count) places.push(place);
    }
  return places;
}

/** First and last of the tiles along one side that a stretch touches; a stretch within a gap touches none. */
function touched(start: number, end: number, size: number, gap: number, count: number): [number, number] {
  const step = size + gap;
  const first = Math.floor(start / step);
  const begun = start - first * step > size ? first + 1 : first; // it begins in the gap behind that tile
  return [Math.max(0, begun), Math.min(count - 1, Math.floor(end / step))];
}
