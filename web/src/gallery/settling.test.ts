import { expect, it } from "vitest";
import type { Category, ComparedAnswers } from "../api/types.ts";
import { ADA, answersOf, BO, EVE } from "./settling.test-support.ts";
import {
  type Choice,
  carriedOver,
  options,
  peopleOf,
  placeAmong,
  proposed,
  settlement,
  shownAs,
  takenFrom,
} from "./settling.ts";

const segmentation = { size: [4, 4] as [number, number], counts: "0" };

function thing(category_id: number | null, ...masks: [id: number, user: number, category: number | null][]) {
  return {
    masks: masks.map(([id, user_id, category]) => ({ id, user_id, category_id: category, segmentation })),
    consensus: segmentation,
    disputed: segmentation,
    category_id,
    agreed: masks.length > 1,
    iou: masks.length > 1 ? 0.8 : null,
  };
}

const compared = (...people: number[]) =>
  answersOf(people, [thing(7, [30, BO, 7]), thing(6, [12, ADA, 6], [31, BO, 7])]);

it("proposes what most people marked, and nobody counts who skipped", () => {
  const both = compared(ADA, BO, EVE);
  expect(peopleOf(both)).toBe(2);
  expect(proposed(both)).toEqual([
    { taken: "nothing", category: 7 },
    { taken: "consensus", category: 6 },
  ]);
  expect(proposed(compared(BO, EVE))[0]).toEqual({ taken: "consensus", category: 7 });
});

it("takes all that one person made, with their categories, and leaves out the rest", () => {
  expect(takenFrom(compared(ADA, BO), BO)).toEqual([
    { taken: BO, category: 7 },
    { taken: BO, category: 7 },
  ]);
  expect(takenFrom(compared(ADA, BO), ADA)).toEqual([
    { taken: "nothing", category: 7 },
    { taken: ADA, category: 6 },
  ]);
});

it("offers a consensus only where there are two masks", () => {
  const [alone, both] = compared(ADA, BO).things;
  expect(options(alone!)).toEqual(["nothing", BO]);
  expect(options(both!)).toEqual(["nothing", "consensus", ADA, BO]);
  expect(shownAs(alone!, { taken: "consensus", category: null })).toBe(BO);
  expect(shownAs(both!, { taken: "consensus", category: null })).toBe("consensus");
});

it("sends what was seen, and the masks of what was chosen from the bottom to the top", () => {
  const seen = compared(ADA, BO);
  const all = [
    { taken: BO, category: 7 },
    { taken: "consensus" as const, category: null },
  ];
  expect(settlement(seen, all, "approved")).toEqual({
    revision: 5,
    seen: [
      { copy_id: 101, revision: 1 },
      { copy_id: 102, revision: 2 },
    ],
    masks: [
      { annotations: [12, 31], category_id: null },
      { annotations: [30], category_id: 7 },
    ],
    state: "approved",
  });
  const none = seen.things.map(() => ({ taken: "nothing" as const, category: null }));
  expect(settlement(seen, none, "submitted").masks).toEqual([]);
});

const CATEGORIES = [6, 7].map((id) => ({ id })) as Category[];
const changed = (before: ComparedAnswers, ...things: ComparedAnswers["things"]) => ({ ...before, things });

it("keeps what was chosen when people have changed what they made, wherever the thing stands now", () => {
  const before = compared(ADA, BO);
  const now = changed(before, thing(6, [12, ADA, 6], [31, BO, 6]), thing(7, [30, BO, 7]));
  const choices: Choice[] = [
    { taken: BO, category: null },
    { taken: ADA, category: 7 },
  ];
  expect(carriedOver(before, choices, now, CATEGORIES)).toEqual(choices.toReversed());
  expect(now.things.map((each) => placeAmong(before.things, each))).toEqual([1, 0]);
});

it("proposes anew what nobody chose, what is new, and what a person who is not there any more had made", () => {
  const before = compared(ADA, BO);
  const now = changed(
    before,
    thing(7, [31, BO, 7]),
    thing(6, [30, BO, 7], [15, ADA, 6]),
    thing(6, [16, ADA, 6]),
  );
  const choices = proposed(before).with(1, { taken: ADA, category: 6 });
  expect(carriedOver(before, choices, now, CATEGORIES)).toEqual(proposed(now));
});

it("keeps a choice without a category that is gone", () => {
  const before = compared(ADA, BO);
  const choices = proposed(before).with(1, { taken: ADA, category: 8 });
  expect(carriedOver(before, choices, before, CATEGORIES)[1]).toEqual({ taken: ADA, category: 6 });
});
