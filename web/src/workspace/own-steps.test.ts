import { beforeEach, expect, it } from "vitest";
import { NetworkError } from "../api/errors.ts";
import type { UndoSteps } from "../api/types.ts";
import { OwnSteps } from "./own-steps.ts";

const NOTHING: UndoSteps = { done: [], undone: [], ended_by: null };
const settled = Promise.resolve();

let answer: () => Promise<UndoSteps>;
let asked: number[];
let given: [unknown, string][];
let failed: unknown[];
let steps: OwnSteps;

beforeEach(() => {
  [asked, given, failed] = [[], [], []];
  answer = async () => NOTHING;
  steps = new OwnSteps({
    client: {
      ownSteps: (id) => {
        asked.push(id);
        return answer();
      },
    },
    me: () => "ann",
    precede: (...said) => void given.push(said),
    fail: (error) => void failed.push(error),
  });
});

it("waits until the server has what this browser had not sent", async () => {
  let send!: () => void;
  const loading = steps.load(7, new Promise((resolve) => (send = resolve)));
  await Promise.resolve();
  expect(asked).toEqual([]);
  send();
  await loading;
  expect([asked, given]).toEqual([[7], [[NOTHING, ""]]]);
});

it("says who has changed what was done, and that a script did", async () => {
  for (const by of ["ben", "ann", null]) {
    answer = async () => ({ ...NOTHING, ended_by: { by, at: "2026-11-02T10:00:00Z" } });
    await steps.load(7, settled);
  }
  expect(given.map(([, ended]) => ended)).toEqual([
    expect.stringMatching(/^ben changed what you did before, on .*2026/),
    expect.stringMatching(/a script or an import of yours/),
    expect.stringMatching(/^Somebody changed/),
  ]);
});

it("drops the answer for an image that was left", async () => {
  const first = steps.load(7, settled);
  steps.forget();
  await first;
  const second = steps.load(8, settled);
  const third = steps.load(8, settled);
  await Promise.all([second, third]);
  expect([asked, given.length]).toEqual([[8], 1]);
});

it("says that nothing is known while the server cannot be reached, and fails of anything else", async () => {
  answer = async () => {
    throw new NetworkError("away");
  };
  await steps.load(7, settled);
  expect(given).toEqual([[{ done: [], undone: [] }, expect.stringMatching(/could not be reached/)]]);
  answer = async () => {
    throw new Error("odd");
  };
  await steps.load(7, settled);
  expect(failed).toEqual([new Error("odd")]);
});
