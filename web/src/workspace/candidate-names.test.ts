import { expect, it } from "vitest";
import { candidateNames } from "./candidate-names.ts";

it("names three by their size, however they are ordered, and the combined one apart", () => {
  const sizes = [40, 90, 10, 50].map((size, index) => ({ index, size }));
  expect([...candidateNames(sizes.toReversed(), [1, 2, 3])]).toEqual([
    [3, "Object"],
    [2, "Part"],
    [1, "Whole"],
    [0, "Best fit"],
  ]);
});

it("numbers those of a model that answers with another number", () => {
  const sizes = [
    { index: 5, size: 9 },
    { index: 6, size: 4 },
  ];
  expect([...candidateNames(sizes, [5, 6]).values()]).toEqual(["Size 2", "Size 1"]);
});
