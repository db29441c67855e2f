import { expect, it } from "vitest";
import type { LearningRun } from "../api/types.ts";
import { measured, progressText, roundLines, timeLeft, verdict } from "./learning-figures.ts";

const run = (more: Partial<LearningRun>): LearningRun =>
  ({
    id: 1,
    kind: "model",
    state: "done",
    figures: { better: null, held_out: 0, measured: null, first: {}, second: {}, differences: {} },
    progress: { stage: "waiting", step: 0, steps: 0, loss: null, remaining: null },
    ...more,
  }) as LearningRun;

const better = run({
  id: 2,
  figures: {
    better: true,
    by: null,
    first_name: null,
    held_out: 2,
    measured: 11,
    images: 20,
    masks: 110,
    first: { "1": 0.5, "3": 0.6, "5": 0.7, box: 0.8 },
    second: { "1": 0.55, "3": 0.66, "5": 0.7, box: 0.79 },
    differences: { mean: { value: 0.025, low: 0.01, high: 0.04 } },
  },
});

it("says how far a run is, and how long it takes", () => {
  const progress = { stage: "training", step: 12, steps: 40, loss: 0.5, remaining: 100 } as const;
  expect(progressText(run({ state: "running", progress }))).toBe(
    "Training, 12 of 40, loss 0.500, about 2 min left",
  );
  expect(progressText(run({ state: "running", progress: { ...progress, steps: 0, remaining: 7.2 } }))).toBe(
    "Training, step 12, loss 0.500, about 7 s left",
  );
  expect(progressText(run({ state: "waiting" }))).toBe("Waits for its turn");
  expect(timeLeft(null)).toBe("");
});

it("shows a figure with the change, and nothing where nothing was measured", () => {
  expect(measured(better, "1")).toBe("0.550 (+0.050)");
  expect(measured(better, "box")).toBe("0.790 (−0.010)");
  expect(measured(run({}), "1")).toBe("–");
});

it("calls a version better only when the whole interval says so", () => {
  expect(verdict(better)).toBe(
    "Better: mean +0.025, 95 % interval +0.010 to +0.040, on 11 masks of 2 held-out images.",
  );
  expect(verdict(run({ figures: { ...better.figures, better: false } }))).toMatch(/^Not shown to be better/);
  expect(verdict(run({}))).toBe("Not measured: no image is held out yet.");
  const detector = { ...better.figures, better: null, first: {}, differences: {}, held_out: 1 };
  expect(verdict(run({ kind: "detector", figures: detector }))).toBe(
    "Compared with none, on 11 masks of 1 held-out image.",
  );
  expect(verdict(run({ kind: "detector", figures: { ...detector, measured: 1 } }))).toBe(
    "Compared with none, on 1 mask of 1 held-out image.",
  );
});

it("says of a detector whether it is asked, why, and how that was found out", () => {
  const figures = {
    ...better.figures,
    first_name: "objects",
    first: { ap: 0.36 },
    second: { ap: 0.412 },
    differences: {},
    by: "held_out" as const,
  };
  const said = (more: Partial<LearningRun["figures"]>) =>
    verdict(run({ kind: "detector", figures: { ...figures, ...more } }));
  expect(said({})).toBe(
    "Is asked from now on: its AP is 0.412, that of objects 0.360, on 11 masks of 2 held-out images.",
  );
  expect(said({ better: false, second: { ap: 0.3 } })).toBe(
    "Is not asked: its AP is 0.300, that of objects 0.360, on 11 masks of 2 held-out images.",
  );
  expect(said({ by: "cross_validation", held_out: 9 })).toBe(
    "Is asked from now on: its AP is 0.412, that of objects 0.360, by cross-validation on 11 masks of 9 images.",
  );
  expect(said({ by: "cross_validation", held_out: 9, better: false })).toMatch(
    /^Is not asked: .* by cross-validation/,
  );
});

it("draws rounds from what the first was made from, the oldest first, without those that were not measured", () => {
  const later = {
    ...better.figures,
    first: { "1": 0.55 },
    second: { "1": 0.6, "3": 0.7, "5": 0.8, box: 0.9 },
  };
  const { numbers, lines } = roundLines([run({ id: 4, figures: later }), run({ id: 3 }), better], "model");
  expect(numbers).toEqual([0, 1, 3]);
  expect(lines[0]).toMatchObject({ name: "1 click", values: [0.5, 0.55, 0.6] });
  expect(roundLines([better], "detector").numbers).toEqual([]);
});
