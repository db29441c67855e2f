import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { WorkClock, watchWork } from "./pace.ts";

function clock() {
  const time = { ms: 1_000_000 };
  const work = new WorkClock(() => time.ms);
  const start = work.now();
  const worked = () => (work.now() - start) / 1000;
  const wait = (seconds: number) => {
    time.ms += seconds * 1000;
  };
  return { work, worked, wait };
}

describe("WorkClock", () => {
  it("goes on while the pointer moves or keys are pressed", () => {
    const { work, worked, wait } = clock();
    for (const kind of ["move", "key", "press"] as const) {
      wait(8);
      work.sign(kind);
    }
    expect(worked()).toBe(24);
  });

  it("stops ten seconds after the last sign, and goes on with the next", () => {
    const { work, worked, wait } = clock();
    wait(600);
    expect(worked()).toBe(10);
    work.sign("move");
    wait(3);
    expect(worked()).toBe(13);
  });

  it("stands while the page is hidden, also before ten seconds are over", () => {
    const { work, worked, wait } = clock();
    wait(2);
    work.hide();
    wait(5);
    expect(worked()).toBe(2);
    work.sign("key");
    wait(1);
    expect(worked()).toBe(3);
  });

  it("never goes backwards, nor faster than the wall's clock", () => {
    const step = fc.record({
      wait: fc.integer({ min: 0, max: 60 }),
      what: fc.constantFrom("move", "key", "press", "hide"),
    });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const { work, worked, wait } = clock();
        let before = 0;
        for (const { wait: seconds, what } of steps) {
          wait(seconds);
          if (what === "hide") work.hide();
          else work.sign(what as "move");
          expect(worked()).toBeGreaterThanOrEqual(before);
          expect(worked()).toBeLessThanOrEqual(before + Math.min(seconds, 10));
          before = worked();
        }
      }),
    );
  });

  it("counts presses, and knows which one is being acted on", () => {
    const { work } = clock();
    work.sign("press");
    work.sign("move");
    expect([work.clicks, work.clicksBefore]).toEqual([1, 0]);
    work.sign("key");
    expect([work.clicks, work.clicksBefore]).toEqual([1, 1]);
  });

  it("translates a reading for another clock without loss", () => {
    const first = clock();
    first.wait(100); // 90 of them idle
    first.work.sign("move");
    const started = first.work.now();
    first.wait(4);
    const kept = first.work.toWall(started);
    expect(1_104_000 - kept).toBe(4000); // what was worked since, in wall time
    expect(first.work.fromWall(kept)).toBe(started);
  });
});

it("hears a page, until it is disposed of", () => {
  const document = Object.assign(new EventTarget(), { hidden: false });
  const page = Object.assign(new EventTarget(), { document });
  const { work, worked, wait } = clock();
  const stop = watchWork(work, page as unknown as Window);
  page.dispatchEvent(new Event("pointerdown"));
  expect(work.clicks).toBe(1);
  document.hidden = true;
  document.dispatchEvent(new Event("visibilitychange"));
  wait(9);
  expect(worked()).toBe(0);
  page.dispatchEvent(new Event("keydown"));
  wait(2);
  expect(worked()).toBe(2);
  stop();
  page.dispatchEvent(new Event("pointerdown"));
  expect(work.clicks).toBe(1);
});
