import { beforeEach, expect, it } from "vitest";
import { RecentCategories } from "./recent-categories.svelte.ts";

let kept: Map<string, string>;
let storage: Pick<Storage, "getItem" | "setItem">;
beforeEach(() => {
  kept = new Map();
  storage = {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
  };
});
const all = Array.from({ length: 9 }, (_, index) => index + 1);
const order = (recent: RecentCategories) => recent.first(all, (id) => id).join("");

it("puts what was chosen last first, project by project, and remembers it", () => {
  const recent = new RecentCategories(storage, 1);
  expect(order(recent)).toBe("123456789");
  for (const id of [7, 3, 7, 9]) recent.note(id);
  expect(order(recent)).toBe("973124568");
  expect(order(new RecentCategories(storage, 1))).toBe("973124568");
  expect(order(new RecentCategories(storage, 2))).toBe("123456789");
});

it("forgets what was long ago, and what is no category's number", () => {
  const recent = new RecentCategories(storage, 1);
  for (const id of [9, 8, 7, 6, 5, 4, 3]) recent.note(id);
  expect(order(recent)).toBe("345678129");
  for (const key of kept.keys()) kept.set(key, "x,8,,1.5");
  expect(order(new RecentCategories(storage, 1))).toBe("812345679");
});
