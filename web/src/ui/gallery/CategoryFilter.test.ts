// @vitest-environment happy-dom
import { cleanup, render, screen } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import { EVERYTHING, type Listing } from "../../api/listing.ts";
import type { Category } from "../../api/types.ts";
import CategoryFilter from "./CategoryFilter.svelte";

const CATEGORIES = [
  { id: 7, name: "cat" },
  { id: 8, name: "dog" },
] as Category[];

const shown = (fields: Partial<Listing>, categories = CATEGORIES) => {
  const onchange = vi.fn();
  render(CategoryFilter, { props: { categories, listing: { ...EVERYTHING, ...fields }, onchange } });
  return onchange;
};
const chosen = (name: string) =>
  screen.getByRole<HTMLSelectElement>("combobox", { name }).selectedOptions[0]?.textContent;

afterEach(cleanup);

it("shows what is listed, and asks about exhaustivity only of a category", async () => {
  const onchange = shown({});
  expect(chosen("Category")).toBe("All categories");
  expect(screen.queryByRole("combobox", { name: "Of the category" })).toBeNull();
  await userEvent.selectOptions(screen.getByRole("combobox"), "dog");
  expect(onchange).toHaveBeenCalledWith({ ...EVERYTHING, category: 8 });
});

it("shows the category and the question of the address, and forgets the question with the category", async () => {
  const onchange = shown({ category: 7, exhaustive: "unknown", search: "a" });
  expect([chosen("Category"), chosen("Of the category")]).toEqual([
    "cat",
    "not checked whether all are annotated",
  ]);
  await userEvent.selectOptions(screen.getByRole("combobox", { name: "Of the category" }), "no");
  expect(onchange).toHaveBeenLastCalledWith({ ...EVERYTHING, category: 7, exhaustive: "no", search: "a" });
  await userEvent.selectOptions(screen.getByRole("combobox", { name: "Category" }), "All categories");
  expect(onchange).toHaveBeenLastCalledWith({ ...EVERYTHING, search: "a" });
});

it("says that a category is gone, and is not there where a project has none", () => {
  shown({ category: 9 });
  expect(chosen("Category")).toBe("A category that is gone");
  cleanup();
  shown({}, []);
  expect(screen.queryByRole("combobox")).toBeNull();
});
