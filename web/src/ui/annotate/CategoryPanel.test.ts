// @vitest-environment happy-dom
import { cleanup, render, screen, within } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { EVERYTHING } from "../../api/listing.ts";
import type { Exhaustivity } from "../../api/types.ts";
import { contextOf } from "../../app/services.ts";
import { View } from "../../app/view.svelte.ts";
import { FakeDecoder } from "../../decoder/fake-decoder.test-support.ts";
import { createSession, type Session } from "../../session/session.svelte.ts";
import { ExhaustivityStatements } from "../../workspace/exhaustivity.ts";
import { Objects } from "../../workspace/objects.svelte.ts";
import { RecentCategories } from "../../workspace/recent-categories.svelte.ts";
import CategoryPanel from "./CategoryPanel.svelte";

const NAMES = [
  "aeroplane",
  "bicycle",
  "bird",
  "boat",
  "bottle",
  "bus",
  "car",
  "cat",
  "chair",
  "cow",
  "dog",
  "horse",
];

let session: Session;
let created: string[];
let told: Exhaustivity[];
let panel: { find(): Promise<void> };
let recent: RecentCategories;
const person = userEvent.setup();
const shown = () =>
  within(screen.getByRole("list"))
    .getAllByRole("button")
    .filter((each) => !each.hasAttribute("aria-label"))
    .map((each) => each.textContent?.trim().replace(/\s+\d$/, ""));
const chosen = () => session.list.categories.find(({ id }) => id === session.categoryId)?.name;

beforeEach(() => {
  created = [];
  told = [];
  session = createSession({ decoder: new FakeDecoder(), record: vi.fn() });
  session.setCategories(NAMES.map((name, index) => ({ id: index + 1, name, color: "#ff0000" })));
  session.open({ id: 7, height: 48, width: 64 }, []);
  const statements = new ExhaustivityStatements({
    session,
    listing: () => EVERYTHING,
    chosen: () => session.categoryId,
    told: () => told,
    next: () => undefined,
  });
  localStorage.clear();
  recent = new RecentCategories(localStorage, 1);
  const props = {
    session,
    objects: new Objects(session),
    statements,
    recent,
    oncreate: async (name: string) => void created.push(name),
  };
  panel = render(CategoryPanel, { props, context: contextOf({ view: new View() }) })
    .component as unknown as typeof panel;
});

afterEach(cleanup);

it("chooses none of itself, and by Enter the first one that is found", async () => {
  expect(session.categoryId).toBeNull();
  await person.type(screen.getByRole("textbox"), "ca");
  expect(shown()).toEqual(["car", "cat", "Add “ca”"]);
  await person.keyboard("{ArrowDown}{Enter}");
  expect(chosen()).toBe("cat");
  expect([screen.getByRole<HTMLInputElement>("textbox").value, shown().length]).toEqual(["", NAMES.length]);
});

it("leaves those with a digit at their places, and lists behind them first the one that is chosen and those that were last", async () => {
  recent.note(12);
  recent.note(4);
  const digits = NAMES.slice(0, 10);
  await vi.waitFor(() => expect(shown()).toEqual([...digits, "horse", "dog"]));
  expect(screen.getByRole("button", { name: /^boat/ }).textContent).toMatch(/4\s*$/);
  expect(screen.getByRole("button", { name: /^horse/ }).textContent?.trim()).toBe("horse");
  session.chooseCategory(11); // an object of it is selected, for instance
  await vi.waitFor(() => expect(shown()).toEqual([...digits, "dog", "horse"]));
});

it("adds what is not there", async () => {
  await person.type(screen.getByRole("textbox"), "zebra{Enter}");
  expect([created, session.categoryId]).toEqual([["zebra"], null]);
  await person.type(screen.getByRole("textbox"), "Horse{Enter}"); // that there is
  expect([created, chosen()]).toEqual([["zebra"], "horse"]);
});

it("is left by Escape, and a category is unchosen by a second click", async () => {
  await person.type(screen.getByRole("textbox"), "do{Escape}");
  expect([session.categoryId, shown().length]).toEqual([null, NAMES.length]);
  await person.click(screen.getByRole("button", { name: /^dog/ }));
  expect(chosen()).toBe("dog");
  await person.click(screen.getByRole("button", { name: /^dog/ }));
  expect(session.categoryId).toBeNull();
});

it("folds, tells what is chosen all the same, and unfolds for whoever looks for one", async () => {
  session.chooseCategory(11);
  await person.click(screen.getByRole("button", { name: /Category of/ }));
  expect(screen.queryByRole("list")).toBeNull();
  expect(screen.getByText("dog")).toBeTruthy();
  await panel.find();
  expect(document.activeElement).toBe(screen.getByRole("textbox"));
});

it("says that all of a category are annotated, and takes it back by the same button", async () => {
  const all = screen.getByRole("button", { name: "All of “car” are annotated here" });
  await person.click(all);
  expect(all.getAttribute("aria-pressed")).toBe("true");
  expect([...session.store.document.exhaustive]).toEqual([[7, true]]);
  expect(session.categoryId).toBeNull(); // nothing was chosen by it
  await person.click(all);
  expect([...session.store.document.exhaustive]).toEqual([]);
  session.undo();
  expect([...session.store.document.exhaustive]).toEqual([[7, true]]);
});

it("asks of the chosen category whether all are annotated, and says who reopened it", async () => {
  expect(screen.queryByRole("group", { name: /Whether all of/ })).toBeNull();
  told = [
    {
      category_id: 7,
      exhaustive: null,
      by: "Ada",
      at: "2026-01-01T10:00:00Z",
      reopened_by: "Ben",
      reopened_at: "2026-01-02T10:00:00Z",
    },
  ];
  session.chooseCategory(7);
  const group = within(await screen.findByRole("group", { name: "Whether all of “car” are annotated here" }));
  expect(group.getByText(/Reopened: Ben changed which there are, .*\. Ada had said “all”/)).toBeTruthy();
  await person.click(group.getByRole("button", { name: "Not all" }));
  expect([...session.store.document.exhaustive]).toEqual([[7, false]]);
  expect(group.queryByText(/Reopened/)).toBeNull();
});
