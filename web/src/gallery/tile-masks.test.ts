import { expect, it } from "vitest";
import { lookOf } from "./tile-masks.ts";

const CATEGORIES = [
  { id: 1, color: "#ff0000" },
  { id: 2, color: "#00ff00" },
];

it("changes with the colours of categories, and with nothing else", () => {
  const look = lookOf(CATEGORIES);
  expect(look).toMatch(/^[a-z0-9]{1,64}$/);
  expect(lookOf([...CATEGORIES].reverse())).toBe(look);
  expect(lookOf([{ ...CATEGORIES[0]!, color: "#ff0001" }, CATEGORIES[1]!])).not.toBe(look);
  expect(
    lookOf([
      { id: 2, color: "#ff0000" },
      { id: 1, color: "#00ff00" },
    ]),
  ).not.toBe(look);
  expect(lookOf([])).toMatch(/^[a-z0-9]+$/);
});
