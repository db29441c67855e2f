import { expect, it } from "vitest";
import { cleanFolder, folderTree } from "./folder-tree.ts";

const told = (paths: Record<string, number>) =>
  folderTree(Object.entries(paths).map(([path, images]) => ({ path, images }))).map(
    ({ path, name, depth, images }) => [path, name, depth, images],
  );

it("has the folders that others lie in, with all images below, each right after its parent", () => {
  expect(told({ "street/day": 3, "street/night/rain": 2, yard: 1, "street-old": 5 })).toEqual([
    ["street", "street", 0, 5],
    ["street/day", "day", 1, 3],
    ["street/night", "night", 1, 2],
    ["street/night/rain", "rain", 2, 2],
    ["street-old", "street-old", 0, 5],
    ["yard", "yard", 0, 1],
  ]);
});

it("counts images right in a folder and those below, and orders numbers as people count", () => {
  expect(told({ a: 4, "a/10": 1, "a/2": 1 })).toEqual([
    ["a", "a", 0, 6],
    ["a/2", "2", 1, 1],
    ["a/10", "10", 1, 1],
  ]);
  expect(told({})).toEqual([]);
});

it("keeps folders apart that a reader takes for the same", () => {
  expect(told({ "1/b": 1, "01/a": 1 })).toHaveLength(4);
});

it("cleans a path as the server does", () => {
  expect([" street//./night/ ", "a\\b", "..", "", "cafe\u0301"].map(cleanFolder)).toEqual([
    "street/night",
    "a/b",
    "",
    "",
    "caf\u00e9",
  ]);
});
