import { expect, it } from "vitest";
import { type CoachProgress, coachSteps, stepReached } from "./coach-marks.ts";

const NOTHING: CoachProgress = { pointed: false, drawn: false, kept: false };

it.each<[Partial<CoachProgress>, number, number]>([
  [{}, 0, 0],
  [{ pointed: true }, 1, 0],
  [{ pointed: true, drawn: true }, 2, 1],
  [{ kept: true }, 3, 2],
])("is brought on by what is done: %j", (progress, mouse, touch) => {
  expect(stepReached(coachSteps(false), { ...NOTHING, ...progress })).toBe(mouse);
  expect(stepReached(coachSteps(true), { ...NOTHING, ...progress })).toBe(touch);
});
