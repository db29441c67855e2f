import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { AtMostEvery } from "./at-most-every.ts";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

it("does it at once, then once more after the pause however often it was asked meanwhile", () => {
  const work = vi.fn();
  const each = new AtMostEvery(1000, work);
  each.ask();
  expect(work).toHaveBeenCalledTimes(1);
  for (let time = 0; time < 5; time++) each.ask();
  vi.advanceTimersByTime(999);
  expect(work).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(1);
  expect(work).toHaveBeenCalledTimes(2);
  vi.advanceTimersByTime(5000);
  expect(work).toHaveBeenCalledTimes(2);
  each.ask();
  expect(work).toHaveBeenCalledTimes(3);
});

it("does it no more once it is stopped", () => {
  const work = vi.fn();
  const each = new AtMostEvery(1000, work);
  each.ask();
  each.ask();
  each.stop();
  vi.advanceTimersByTime(5000);
  expect(work).toHaveBeenCalledTimes(1);
});
