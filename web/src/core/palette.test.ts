import { expect, it } from "vitest";
import { colourNeighbours, paletteColour } from "./palette.ts";

const at = (uid: string, left: number) => ({ uid, box: { left, top: 0, width: 10, height: 10 } });

it("neighbours have different colours, and of many objects far apart some share one", () => {
  const row = Array.from({ length: 30 }, (_, index) => at(String(index), index * 11));
  const given = colourNeighbours(row, new Map());
  row.slice(1).forEach(({ uid }, index) => {
    expect(given.get(uid)).not.toBe(given.get(row[index]!.uid));
  });
  expect(new Set(given.values()).size).toBe(7); // no more than any eye tells apart
});

it("objects that lie apart share no colour before all are used, and then evenly", () => {
  const given = colourNeighbours(
    Array.from({ length: 21 }, (_, index) => at(String(index), index * 100)),
    new Map(),
  );
  const uses = [0, 1, 2, 3, 4, 5, 6].map(
    (index) => [...given.values()].filter((each) => each === index).length,
  );
  expect(uses).toEqual([3, 3, 3, 3, 3, 3, 3]);
});

it("has as many colours as lie on one another", () => {
  const heap = Array.from({ length: 12 }, (_, index) => at(String(index), index / 10));
  expect([...colourNeighbours(heap, new Map()).values()]).toEqual([...heap.keys()]);
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
