import { expect, it } from "vitest";
import type { Job } from "../api/types.ts";
import { isOpen, progressOf } from "./job-progress.ts";

const job = (state: Job["state"]) => ({ state, done: 3, total: 1200 }) as Job;
const running = ({ done, count }: { done: string; count: string }) => `Looking: ${done} of ${count}`;

it.each([
  ["running", true, "Looking: 3 of 1,200"],
  ["paused", true, "Paused: 3 of 1,200"],
  ["failed", true, "Stopped: 3 of 1,200"],
  ["done", false, ""],
  ["cancelled", false, ""],
] as const)("a job that is %s says whether it is open, and how far it is", (state, open, said) => {
  expect(isOpen(job(state))).toBe(open);
  if (open) expect(progressOf(job(state), running)).toBe(said);
});

it("no job is open where there has been none", () => {
  expect(isOpen(null)).toBe(false);
});
