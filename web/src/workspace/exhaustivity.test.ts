import { beforeEach, expect, it } from "vitest";
import { EVERYTHING, type Listing } from "../api/listing.ts";
import type { Exhaustivity } from "../api/types.ts";
import { FakeDecoder } from "../decoder/fake-decoder.test-support.ts";
import { createSession, type Session } from "../session/session.svelte.ts";
import type { Operation } from "../session/types.ts";
import { ExhaustivityStatements, reopenedText, saidText } from "./exhaustivity.ts";

const CATEGORIES = [
  { id: 1, name: "cat", color: "#ff0000" },
  { id: 2, name: "dog", color: "#00ff00" },
];
const REOPENED: Exhaustivity = {
  category_id: 1,
  exhaustive: null,
  by: "Ada",
  at: "2026-01-01T10:00:00Z",
  reopened_by: "Ben",
  reopened_at: "2026-01-02T10:00:00Z",
};

let session: Session;
let operations: Operation[];
let listing: Listing;
let chosen: number | null;
let told: Exhaustivity[];
let steps: number;
let statements: ExhaustivityStatements;

beforeEach(() => {
  operations = [];
  listing = EVERYTHING;
  chosen = null;
  told = [];
  steps = 0;
  session = createSession({ decoder: new FakeDecoder(), record: (_, made) => operations.push(...made) });
  session.setCategories(CATEGORIES);
  session.open({ id: 7, height: 48, width: 64 }, []);
  statements = new ExhaustivityStatements({
    session,
    listing: () => listing,
    chosen: () => chosen,
    told: () => told,
    next: () => steps++,
  });
});

it("answers for the chosen category and stays, and for the one that is walked for and goes on", () => {
  statements.answer(true); // none is chosen
  expect(operations).toEqual([]);
  chosen = 2;
  statements.answer(true);
  expect([operations.length, steps]).toEqual([1, 0]);
  listing = { ...EVERYTHING, category: 1, exhaustive: "unknown" };
  expect(statements.category?.name).toBe("cat");
  statements.answer(false);
  expect([steps, [...session.store.document.exhaustive]]).toEqual([
    1,
    [
      [2, true],
      [1, false],
    ],
  ]);
});

it("does not go on when something was taken back", () => {
  listing = { ...EVERYTHING, category: 1, exhaustive: "yes" };
  statements.answer(true);
  statements.answer(true);
  expect([steps, operations.map((each) => each.kind === "exhaustivity" && each.exhaustive)]).toEqual([
    1,
    [true, null],
  ]);
});

it("a list of the images that have a category is no walk for this", () => {
  listing = { ...EVERYTHING, category: 1 };
  expect([statements.walking, statements.category]).toEqual([false, null]);
});

it("is undone and done again, on the server too", () => {
  statements.say(1, false);
  statements.say(1, true);
  session.undo();
  expect([...session.store.document.exhaustive]).toEqual([[1, false]]);
  session.undo();
  session.store.redo();
  expect(operations.map((each) => each.kind === "exhaustivity" && each.exhaustive)).toEqual([
    false,
    true,
    false,
    null,
    false,
  ]);
});

it("says who said it, or who reopened it, as long as that is what holds", () => {
  told = [REOPENED];
  expect(statements.why(1)).toMatch(/^Reopened: Ben changed which there are, .+\. Ada had said “all”\.$/);
  statements.say(1, true); // the server has not told of that yet
  expect(statements.why(1)).toBe("");
  told = [{ ...REOPENED, exhaustive: true, reopened_by: null, reopened_at: null }];
  expect(statements.why(1)).toMatch(/^Ada, /);
  expect(reopenedText(REOPENED, CATEGORIES)).toBe(
    "Ada had said that all of “cat” are annotated here. Ben has changed which there are: somebody has to look again.",
  );
  expect(saidText({ category_id: 2, exhaustive: false }, CATEGORIES)).toBe("Not all of “dog” are annotated");
});
