import { expect, it } from "vitest";
import { placesIn, type TileGrid } from "./marquee.ts";

// 3 columns, tiles of 100 × 50 with gaps of 10: the third row has one tile.
const GRID: TileGrid = { columns: 3, width: 100, height: 50, gap: 10, count: 7 };

it.each<[[number, number, number, number], number[]]>([
  [[0, 0, 1, 1], [0]],
  [
    [50, 20, 120, 20],
    [0, 1],
  ],
  [
    [120, 20, 50, 20],
    [0, 1],
  ], // drawn to the left
  [
    [90, 40, 230, 70],
    [0, 1, 2, 3, 4, 5],
  ],
  [
    [230, 70, 90, 40],
    [0, 1, 2, 3, 4, 5],
  ], // drawn upwards
  [[102, 0, 108, 300], []], // within a gap
  [[102, 0, 110, 20], [1]], // from the gap into the second column
  [
    [-50, -50, 500, 500],
    [0, 1, 2, 3, 4, 5, 6],
  ],
  [[120, 130, 200, 160], []], // where the last row has no tile
  [[0, 400, 300, 500], []],
])("touches with %j the places %j", ([x0, y0, x1, y1], places) => {
  expect(placesIn(GRID, { from: [x0, y0], to: [x1, y1] })).toEqual(places);
});
