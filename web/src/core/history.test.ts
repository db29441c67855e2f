import { expect, it } from "vitest";
import { History, MAX_STEPS, type Step } from "./history.ts";

const step = (before: number, after: number): Step<number, string> => ({
  before,
  after,
  forward: [`to ${after}`],
  backward: [`to ${before}`],
  again: [`again to ${after}`],
});

it("walks back and forth and stops at the ends", () => {
  const history = History.empty<number, string>().with(step(0, 1)).with(step(1, 2));
  expect(history.toRedo).toBeNull();
  expect(history.undone().undone().undone().toUndo).toBeNull();
  expect(history.undone().undone().toRedo).toEqual(step(0, 1));
  expect(history.undone().redone().redone().toUndo).toEqual(step(1, 2));
});

it("forgets what was undone once something new happens", () => {
  const history = History.empty<number, string>().with(step(0, 1)).with(step(1, 2)).undone().with(step(1, 3));
  expect(history.toRedo).toBeNull();
  expect(history.toUndo).toEqual(step(1, 3));
  expect(history.undone().toUndo).toEqual(step(0, 1));
});

it("stays as it is when another is made from it", () => {
  const history = History.empty<number, string>().with(step(0, 1));
  history.undone();
  history.with(step(1, 2));
  expect(history.toUndo).toEqual(step(0, 1));
});

it("keeps so many steps and no more", () => {
  let history = History.empty<number, string>();
  for (let state = 0; state < MAX_STEPS + 5; state++) history = history.with(step(state, state + 1));
  let undone = 0;
  for (; history.toUndo; undone++) history = history.undone();
  expect([undone, history.toRedo]).toEqual([MAX_STEPS, step(5, 6)]);
});
