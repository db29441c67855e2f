import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { MANIFEST } from "./embedding.test-support.ts";
import type { DecoderGraphs } from "./graphs.ts";
import type { DecoderWorker } from "./worker.ts";

const [A, B] = [new ArrayBuffer(1), new ArrayBuffer(2)];
const INPUTS = { pointCoords: new Float32Array(2), pointLabels: new Float32Array(1), mask: null };
const MUCH_LATER = 5000; // ms

let api: DecoderWorker;
let done: string[]; // what the graphs were asked for, in order

const graphs = {
  warm: false,
  whole: true,
  ahead: null as ArrayBuffer | null,
  warmUp: vi.fn(async () => {
    graphs.warm = true;
    done.push("warm");
  }),
  prepare: vi.fn(async (embedding: ArrayBuffer) => done.push(`prepare ${embedding.byteLength}`)),
  prepareAhead: vi.fn(async (embedding: ArrayBuffer) => {
    done.push(`ahead ${embedding.byteLength}`);
    graphs.ahead = embedding;
  }),
  openAhead: () => {
    const milliseconds = graphs.ahead && 7;
    graphs.ahead = null;
    return milliseconds;
  },
  closeAhead: () => {
    graphs.ahead = null;
  },
  complete: async () => {
    graphs.whole = true;
    done.push("complete");
  },
  close: () => undefined,
  decode: async () => {
    done.push("decode");
    return { lowRes: new Float32Array(1), iou: new Float32Array(1) };
  },
};

vi.mock("comlink", () => ({
  expose: (exposed: DecoderWorker) => {
    api = exposed;
  },
  transfer: <Value>(value: Value) => value,
}));
vi.mock("./choice.ts", () => ({
  loadGraphs: async () => ({
    graphs: graphs as unknown as DecoderGraphs,
    answering: { provider: "wasm", fallback: null },
  }),
}));

const reported = vi.fn();
vi.stubGlobal("reportError", reported); // of a worker: the page hears that it has failed

beforeEach(async () => {
  vi.useFakeTimers();
  reported.mockClear();
  vi.resetModules();
  Object.assign(graphs, { warm: true, whole: true, ahead: null });
  done = [];
  await import("./worker.ts");
  await api.load(MANIFEST, new ArrayBuffer(1), new ArrayBuffer(1), "wasm", 1);
});
afterEach(() => void vi.useRealTimers());

describe("the decoder's worker", () => {
  it("runs graphs that have not been run yet once nobody asks for anything", async () => {
    graphs.warm = false;
    await api.open(A);
    expect(done).toEqual(["prepare 1"]);
    await vi.advanceTimersByTimeAsync(MUCH_LATER);
    expect(done).toEqual(["prepare 1", "warm"]);
  });

  it("prepares the next image once nobody has asked for anything for a while, and opens it then", async () => {
    await api.open(A);
    await api.prepareAhead(B);
    for (let click = 0; click < 4; click++) {
      await vi.advanceTimersByTimeAsync(400);
      await api.decode(INPUTS);
    }
    expect(done).not.toContain("ahead 2");
    await vi.advanceTimersByTimeAsync(MUCH_LATER);
    expect(done.at(-1)).toBe("ahead 2");
    expect(await api.openAhead()).toBe(7);
    expect(await api.openAhead()).toBeNull();
    await vi.advanceTimersByTimeAsync(MUCH_LATER);
    expect(done.filter((each) => each.startsWith("ahead"))).toEqual(["ahead 2"]);
  });

  it("prepares what opening has left out as soon as nobody asks for anything, before the next image", async () => {
    graphs.whole = false;
    await api.open(A);
    await api.prepareAhead(B);
    await vi.advanceTimersByTimeAsync(10);
    await api.decode(INPUTS);
    expect(done).toEqual(["prepare 1", "decode"]);
    await vi.advanceTimersByTimeAsync(MUCH_LATER);
    expect(done).toEqual(["prepare 1", "decode", "complete", "ahead 2"]);
  });

  it("gives no image for another one that is not prepared yet", async () => {
    await api.prepareAhead(A);
    await vi.advanceTimersByTimeAsync(MUCH_LATER);
    await api.prepareAhead(B);
    expect(await api.openAhead()).toBeNull();
    await vi.advanceTimersByTimeAsync(MUCH_LATER);
    expect(done).toEqual(["ahead 1"]); // whoever asked opens it
  });

  it("says nothing of an image that cannot be prepared: opening it will", async () => {
    graphs.prepareAhead.mockRejectedValueOnce(new Error("broken"));
    await api.prepareAhead(A);
    await vi.advanceTimersByTimeAsync(MUCH_LATER);
    expect(await api.openAhead()).toBeNull();
    expect(reported).not.toHaveBeenCalled();
  });

  it("says that the runtime has stopped while it prepared ahead", async () => {
    const stopped = Object.assign(new Error("unreachable"), { name: "RuntimeError" });
    graphs.prepareAhead.mockRejectedValueOnce(stopped);
    await api.prepareAhead(A);
    await vi.advanceTimersByTimeAsync(MUCH_LATER);
    expect(reported).toHaveBeenCalledExactlyOnceWith(stopped);
  });
});
