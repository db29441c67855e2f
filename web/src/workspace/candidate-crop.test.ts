import { expect, it } from "vitest";
import { covered, cropAround } from "./candidate-crop.ts";

const CELLS = 8;
const VALID = { height: 6, width: 8 }; // two rows of padding

/** Positive where the text has a mark. */
function plane(...rows: string[]) {
  const data = Float32Array.from({ length: CELLS * CELLS }, (_, index) =>
    rows[Math.floor(index / CELLS)]?.[index % CELLS] === "#" ? 1 : -1,
  );
  return { data, offset: 0 };
}

const small = plane("........", "..#.....", "........");
const large = plane("........", "..###...", "..###...", "..###...");

it("is one square around everything that any candidate covers", () => {
  const crop = cropAround([small, large], CELLS, VALID);
  expect(crop.side).toBeCloseTo(3.6);
  expect([crop.x, crop.y]).toEqual([expect.closeTo(1.7), expect.closeTo(0.7)]);
});

it("leaves out a speckle far away", () => {
  const size = 64;
  const data = new Float32Array(size * size).fill(-1);
  for (let row = 8; row < 24; row++) data.fill(1, row * size + 8, row * size + 24);
  data[60 * size + 60] = 1;
  const crop = cropAround([{ data, offset: 0 }], size, { height: size, width: size });
  expect(crop.side).toBeCloseTo(16 * 1.2);
  expect([crop.x, crop.y]).toEqual([expect.closeTo(6.4), expect.closeTo(6.4)]);
});

it("is the whole image where nothing is covered, whatever the padding says", () => {
  const padding = plane("", "", "", "", "", "", "########");
  expect(cropAround([padding], CELLS, VALID)).toEqual({
    x: expect.closeTo(-0.8),
    y: expect.closeTo(-1.8),
    side: 9.6,
  });
});

it("shows each candidate within that square", () => {
  const crop = { x: 1, y: 0, side: 4 };
  const rowsOf = (pixels: Uint8Array) =>
    [0, 1, 2, 3].map((row) => pixels.slice(row * 4, row * 4 + 4).join(""));
  expect(rowsOf(covered(large, CELLS, VALID, crop, 4))).toEqual(["0000", "0111", "0111", "0111"]);
  expect(rowsOf(covered(small, CELLS, VALID, crop, 4))).toEqual(["0000", "0100", "0000", "0000"]);
  expect(covered(large, CELLS, VALID, { x: -10, y: -10, side: 5 }, 2)).toEqual(new Uint8Array(4));
});
