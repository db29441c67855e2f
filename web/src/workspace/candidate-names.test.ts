import { expect, it } from "vitest";
import { candidateNames } from "./candidate-names.ts";

it("names three by their size, however they are ordered, and the combined one apart", () => {
  const sizes = [40, 90, 10, 50].map((size, index) => ({ index, size }));
  const names = candidateNames(sizes.toReversed(), [1, 2, 3]);
  expect([...names].map(([index, { name, label }]) => [index, name, label(90)])).toEqual([
    [3, "Object", "Candidate: object, 90 %"],
    [2, "Part", "Candidate: part, 90 %"],
    [1, "Whole", "Candidate: whole, 90 %"],
    [0, "Best fit", "Best fit, 90 %"],
  ]);
});

it("numbers those of a model that answers with another number", () => {
  const sizes = [
    { index: 5, size: 9 },
    { index: 6, size: 4 },
  ];
  const names = [...candidateNames(sizes, [5, 6]).values()].map(({ name }) => name);
  expect(names).toEqual(["Size 2", "Size 1"]);
});
