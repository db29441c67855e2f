import { expect, it } from "vitest";
import { LastCategory } from "./last-category.ts";

it("remembers the category chosen last, project by project, as long as there is one", () => {
  const kept = new Map<string, string>();
  const storage = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  };
  const last = new LastCategory(storage, 1);
  const categories = [{ id: 0 }, { id: 5 }];
  expect(last.known(categories)).toBeNull();
  last.remember(5);
  expect([last.known(categories), new LastCategory(storage, 2).known(categories)]).toEqual([5, null]);
  expect(new LastCategory(storage, 1).known([{ id: 4 }])).toBeNull();
  last.remember(null);
  expect(last.known(categories)).toBeNull();
});
