import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Hurry } from "./hurry.ts";

const HEIGHT = 900; // px
const FRAME = 16; // ms

/** What is told while a list is scrolled by so many px each frame. */
function scroll(steps: readonly number[], frame = FRAME) {
  const told: boolean[] = [];
  const hurry = new Hurry((hurried) => told.push(hurried));
  let [at, now] = [0, 1000];
  for (const step of steps) {
    at += step;
    now += frame;
    hurry.moved(at, HEIGHT, now);
    vi.advanceTimersByTime(frame);
  }
  return { told, hurry };
}

describe("Hurry", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("lets pictures come while somebody reads", () => {
    expect(scroll(Array(50).fill(50)).told).toEqual([]);
  });

  it("holds them back while pages fly by, and lets them come once that ends", () => {
    const { told } = scroll(Array(50).fill(900));
    expect(told).toEqual([true]);
    vi.advanceTimersByTime(100);
    expect(told).toEqual([true, false]);
  });

  it("takes one jump for where somebody wants to be", () => {
    expect(scroll([2_000_000]).told).toEqual([]);
  });

  it("says nothing when the list is gone", () => {
    const { told, hurry } = scroll(Array(5).fill(900));
    hurry.stop();
    vi.advanceTimersByTime(1000);
    expect(told).toEqual([true]);
  });
});
