import { expect, it, vi } from "vitest";
import { Frame } from "./frame.ts";

it("paints once per frame, what was asked for last", () => {
  const frames: (() => void)[] = [];
  vi.stubGlobal("requestAnimationFrame", (callback: () => void) => frames.push(callback));
  const painted: string[] = [];
  const frame = new Frame();
  for (const name of ["a", "b", "c"]) frame.request(() => painted.push(name));
  frames.shift()!();
  expect([painted, frames]).toEqual([["c"], []]);
  frame.request(() => painted.push("d"));
  frames.shift()!();
  expect(painted).toEqual(["c", "d"]);
  vi.unstubAllGlobals();
});
