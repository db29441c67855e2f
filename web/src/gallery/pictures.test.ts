// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { picturesSeen } from "./pictures.ts";

/** A picture on the page that has not come; `top` px from the window's upper edge. */
function picture(top: number): HTMLImageElement {
  const made = document.createElement("img");
  Object.defineProperty(made, "complete", { value: false });
  made.getBoundingClientRect = () => ({ top }) as DOMRect;
  document.body.append(made);
  return made;
}

function waiting(): { over: boolean } {
  const state = { over: false };
  void picturesSeen().then(() => {
    state.over = true;
  });
  return state;
}

const FRAME = 50; // ms, and some

describe("picturesSeen", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
    document.body.replaceChildren();
  });

  it("waits for the pictures that are seen, also for one that cannot come, and for no other", async () => {
    const [one, broken] = [picture(0), picture(100)];
    picture(window.innerHeight + 1);
    const state = waiting();
    await vi.advanceTimersByTimeAsync(FRAME);
    one.dispatchEvent(new Event("load"));
    await vi.advanceTimersByTimeAsync(FRAME);
    expect(state.over).toBe(false);
    broken.dispatchEvent(new Event("error"));
    await vi.advanceTimersByTimeAsync(FRAME);
    expect(state.over).toBe(true);
  });

  it("waits for nothing where there are none", async () => {
    const state = waiting();
    await vi.advanceTimersByTimeAsync(FRAME);
    expect(state.over).toBe(true);
  });

  it("does not wait for ever", async () => {
    picture(0);
    const state = waiting();
    await vi.advanceTimersByTimeAsync(1000);
    expect(state.over).toBe(false);
    await vi.advanceTimersByTimeAsync(2000);
    expect(state.over).toBe(true);
  });
});
