import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { wilson } from "./wilson.ts";

const KNOWN = JSON.parse(
  readFileSync(new URL("../../../tests/golden/wilson.json", import.meta.url), "utf8"),
) as [number, number, number, number][];

test.each(KNOWN)("of %d among %d the interval is that of the published table", (hits, total, low, high) => {
  const found = wilson(hits, total);
  expect(found[0]).toBeCloseTo(low, 4);
  expect(found[1]).toBeCloseTo(high, 4);
});

test("of nothing the share may be anything", () => {
  expect(wilson(0, 0)).toEqual([0, 1]);
});
