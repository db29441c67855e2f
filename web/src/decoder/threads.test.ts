import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { MANIFEST } from "./embedding.test-support.ts";
import type { DecoderBackend } from "./host.ts";
import { type Click, chosen, QUIET, ThreadChoice } from "./threads.ts";

const CLICK: Click = {
  manifest: MANIFEST,
  prepareGraph: new ArrayBuffer(1),
  decodeGraph: new ArrayBuffer(1),
  embedding: new ArrayBuffer(1),
  inputs: { pointCoords: new Float32Array(4), pointLabels: new Float32Array([1, -1]), mask: null },
};

/** How long a click takes, by number of threads; a worker that is asked for more dies. */
let milliseconds: Record<number, number>;
let workers: { threads: number; running: boolean }[];
const kept = new Map<string, string>();
const memory = {
  getItem: (key: string) => kept.get(key) ?? null,
  setItem: (key: string, value: string) => void kept.set(key, value),
};

function start(died: (reason: string) => void) {
  const worker = { threads: 0, running: true };
  workers.push(worker);
  const backend: DecoderBackend = {
    load: async (...[, , , provider, threads]) => {
      worker.threads = threads;
      if (milliseconds[threads] === undefined) died("no memory for so many threads");
      return { provider: provider === "auto" ? "webgpu" : provider, fallback: null };
    },
    open: async () => 1,
    prepareAhead: async () => undefined,
    openAhead: async () => null,
    close: async () => undefined,
    decode: async () => ({
      lowRes: new Float32Array(),
      iou: new Float32Array(),
      objectScore: null,
      masks: MANIFEST.masks,
      milliseconds: milliseconds[worker.threads]!,
    }),
  };
  const terminate = () => {
    worker.running = false;
  };
  return { backend, terminate };
}

beforeEach(() => {
  vi.useFakeTimers();
  milliseconds = { 1: 60, 2: 40, 4: 30 };
  workers = [];
  kept.clear();
});
afterEach(() => void vi.useRealTimers());

describe("the number of threads", () => {
  it("is tried once somebody has clicked and it is quiet, and remembered for the next time", async () => {
    const choice = new ThreadChoice(start, 4, memory);
    expect(choice.known(MANIFEST)).toBeNull();
    choice.later(CLICK);
    await vi.advanceTimersByTimeAsync(QUIET - 1);
    expect(workers).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(workers.map(({ threads }) => threads)).toEqual([1, 2, 4]);
    expect(workers.map(({ running }) => running)).toEqual([false, false, false]);
    expect(new ThreadChoice(start, 4, memory).known(MANIFEST)).toBe(4);
    choice.later(CLICK);
    await vi.advanceTimersByTimeAsync(2 * QUIET);
    expect(workers).toHaveLength(3);
  });

  it("is one where one is the fastest", async () => {
    milliseconds = { 1: 24, 2: 42 };
    const choice = new ThreadChoice(start, 2, memory);
    choice.later(CLICK);
    await vi.advanceTimersByTimeAsync(QUIET);
    expect(choice.known(MANIFEST)).toBe(1);
  });

  it("is not tried while somebody clicks, and a trial is given up for them", async () => {
    const choice = new ThreadChoice(start, 4, memory);
    for (let clicks = 0; clicks < 3; clicks++) {
      choice.later(CLICK);
      await vi.advanceTimersByTimeAsync(QUIET - 1);
    }
    expect(workers).toEqual([]);
    vi.advanceTimersByTime(1); // the workers have started, and none has answered yet
    expect(workers.map(({ running }) => running)).toEqual([true, true, true]);
    choice.cancel();
    await vi.advanceTimersByTimeAsync(QUIET);
    expect(workers.map(({ running }) => running)).toEqual([false, false, false]);
    expect(choice.known(MANIFEST)).toBeNull();
  });

  it("stays untried where a worker dies, and where there is one thread only", async () => {
    milliseconds = { 1: 60, 2: 40 };
    const choice = new ThreadChoice(start, 4, memory);
    choice.later(CLICK);
    await vi.advanceTimersByTimeAsync(QUIET);
    expect(workers.map(({ running }) => running)).toEqual([false, false, false]);
    expect(choice.known(MANIFEST)).toBeNull();
    new ThreadChoice(start, 1, memory).later(CLICK);
    await vi.advanceTimersByTimeAsync(QUIET);
    expect(workers).toHaveLength(3);
  });

  it("is forgotten where it is more than there are now, or no number", () => {
    for (const value of ["8", "0", "x", "1.5"]) {
      kept.set(`limner.threads.4.${MANIFEST.weights_sha256}`, value);
      expect(new ThreadChoice(start, 4, memory).known(MANIFEST)).toBeNull();
    }
  });

  it.each([
    [[60, 40, 30], 4],
    [[60, 40, 37], 2],
    [[60, 55, 53], 4],
    [[60, 55, 55], 1],
    [[24, 42, 42], 1],
  ])("of times of %j ms is %d", (times, expected) => {
    expect(chosen([1, 2, 4], times)).toBe(expected);
  });
});
