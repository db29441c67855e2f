import { expect, it } from "vitest";
import { colourNeighbours, paletteColour } from "./palette.ts";

const at = (uid: string, left: number) => ({ uid, box: { left, top: 0, width: 10, height: 10 } });

it("neighbours have different colours, and objects far apart may share one", () => {
  const row = Array.from({ length: 30 }, (_, index) => at(String(index), index * 11));
  const given = colourNeighbours(row, new Map());
  row.slice(1).forEach(({ uid }, index) => {
    expect(given.get(uid)).not.toBe(given.get(row[index]!.uid));
  });
  expect(new Set(given.values()).size).toBeLessThan(4);
});

it("who has a colour keeps it when others come and go", () => {
  const before = colourNeighbours([at("a", 0), at("b", 5)], new Map());
  const after = colourNeighbours([at("c", 2), at("b", 5)], before);
  expect([after.get("b"), after.get("c")]).toEqual([before.get("b"), 0]);
});

it("there are as many colours as are needed, all of them written as pages do", () => {
  const colours = Array.from({ length: 60 }, (_, index) => paletteColour(index));
  expect(colours.every((colour) => /^#[0-9a-f]{6}$/.test(colour))).toBe(true);
  expect(new Set(colours).size).toBe(60);
});
