import { expect, it } from "vitest";
import { TabLocks } from "./locks.ts";

it("several may ask at once whether a tab lives, and none of them passes for it", async () => {
  const locks = new TabLocks();
  const ask = (answer: string) => locks.ifGone("tab", async () => answer);
  expect(await locks.ifGone("tab", () => Promise.all([ask("one"), ask("two")]))).toEqual(["one", "two"]);
  await locks.hold("tab");
  expect(await ask("one")).toBeNull();
});

it("of several that want the same at once one gets it", async () => {
  const locks = new TabLocks();
  const want = () => locks.ifFree("turn", async () => "mine");
  expect(await locks.ifFree("turn", want)).toBeNull();
  expect(await want()).toBe("mine");
});
