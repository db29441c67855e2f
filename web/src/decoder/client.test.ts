import { beforeEach, describe, expect, it, vi } from "vitest";
import { imagePoint } from "../core/geometry.ts";
import { type DecoderPrompts, NO_PROMPTS } from "../core/prompts.ts";
import { DecoderClient } from "./client.ts";
import type { Decoded, DecoderState, Provider, ProviderWish } from "./decoder.ts";
import { embeddingFile, MANIFEST, METADATA } from "./embedding.test-support.ts";
import type { DecodeInputs } from "./graphs.ts";
import { type DecoderBackend, MAX_RESTARTS, RESTART_WINDOW } from "./host.ts";

const IMAGE = { height: 48, width: 64 };
const at = (x: number): DecoderPrompts => ({ ...NO_PROMPTS, points: [{ at: imagePoint(x, 5), label: 1 }] });
const answer = (): Decoded => ({
  lowRes: new Float32Array(4 * 64),
  iou: new Float32Array(4),
  objectScore: null,
  masks: MANIFEST.masks,
  milliseconds: 3,
});

interface Deferred<Value> {
  promise: Promise<Value>;
  resolve: (value: Value) => void;
  reject: (reason: Error) => void;
}

/** A worker whose decodes are answered by hand, and that dies on demand. */
class FakeBackend implements DecoderBackend {
  readonly decodes: (Deferred<Decoded> & { inputs: DecodeInputs })[] = [];
  readonly opens: (Deferred<number> & { embedding: ArrayBuffer })[] = [];
  readonly loads: unknown[] = [];
  /** What {@link prepareAhead} was asked for, as long as it is not opened. */
  ahead: ArrayBuffer | null = null;
  terminated = false;

  constructor(readonly die: (reason: string) => void) {}

  /** What {@link load} was asked for and says. */
  wish: ProviderWish | null = null;

  load = vi.fn(async (manifest: unknown, _prepare: unknown, _decode: unknown, wish: ProviderWish) => {
    this.loads.push(manifest);
    this.wish = wish;
    return { provider: wish === "auto" ? card : ("wasm" as const), fallback: null };
  });
  close = vi.fn(async () => undefined);
  open = async (embedding: ArrayBuffer) => {
    const open = { ...deferred<number>(), embedding };
    this.opens.push(open);
    return open.promise;
  };
  prepareAhead = async (embedding: ArrayBuffer) => {
    this.ahead = embedding;
  };
  openAhead = async () => {
    const milliseconds = this.ahead && 33;
    this.ahead = null;
    return milliseconds;
  };
  decode = async (inputs: DecodeInputs) => {
    const decode = { ...deferred<Decoded>(), inputs };
    this.decodes.push(decode);
    return decode.promise;
  };
}

function deferred<Value>(): Deferred<Value> {
  let resolve!: Deferred<Value>["resolve"];
  let reject!: Deferred<Value>["reject"];
  const promise = new Promise<Value>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

const until = (condition: () => boolean) => vi.waitUntil(condition, { interval: 1 });

let backends: FakeBackend[]; // the last one lives
let backend: FakeBackend; // the first
let client: DecoderClient;
let clock: number; // ms
let card: Provider; // what `auto` finds

function start(died: (reason: string) => void) {
  const started = new FakeBackend(died);
  backends.push(started);
  return {
    backend: started,
    terminate: () => {
      started.terminated = true;
    },
  };
}

/** Let the newest worker get its model and image, if there was one. */
async function revived(image = true): Promise<FakeBackend> {
  const next = backends.at(-1)!;
  if (image) {
    await until(() => next.opens.length > 0);
    next.opens[0]!.resolve(20);
  }
  await until(() => client.info.state !== "loading");
  return next;
}

async function loadModel(): Promise<void> {
  await client.loadModel(MANIFEST, new ArrayBuffer(1), new ArrayBuffer(1));
}

async function openImage(): Promise<void> {
  const opened = client.openImage(embeddingFile());
  await until(() => backend.opens.length > 0);
  backend.opens.pop()!.resolve(12);
  expect(await opened).toBe(true);
}

beforeEach(() => {
  backends = [];
  clock = 0;
  card = "wasm";
  client = new DecoderClient(start, { isolated: true, cores: 16, now: () => clock });
  backend = backends[0]!;
});

describe("the decoder's client", () => {
  it("goes from empty to ready and says so", async () => {
    const states: DecoderState[] = [];
    const unsubscribe = client.subscribe(({ state }) => states.push(state));
    await loadModel();
    await openImage();
    expect(states).toEqual(["idle", "loading", "idle", "preparing", "ready"].slice(1));
    expect(client.info).toMatchObject({ threads: 4, prepareMs: 12, message: null });
    unsubscribe();
    client.closeImage();
    expect(states).toHaveLength(4);
  });

  it("opens what was prepared ahead without preparing it again", async () => {
    await loadModel();
    await openImage();
    const next = embeddingFile();
    client.prepareAhead(next);
    client.closeImage();
    expect(await client.openImage(next)).toBe(true);
    expect(backend.opens).toHaveLength(0);
    expect(client.info).toMatchObject({ state: "ready", prepareMs: 33 });
    const opened = client.openImage(next); // opened once, it is no longer ahead
    await until(() => backend.opens.length > 0);
    backend.opens.pop()!.resolve(12);
    expect(await opened).toBe(true);
  });

  it("prepares another image than the one that was prepared ahead", async () => {
    await loadModel();
    const next = embeddingFile();
    client.prepareAhead(next);
    await openImage();
    expect(backend.ahead).toBe(next);
    expect(await client.openImage(next)).toBe(true);
    expect(client.info.prepareMs).toBe(33);
  });

  it("prepares an image itself when the worker that had it ahead has died", async () => {
    await loadModel();
    await openImage();
    const next = embeddingFile();
    client.prepareAhead(next);
    await until(() => backend.ahead !== null);
    backend.die("out of memory");
    const second = await revived();
    const opened = client.openImage(next);
    await until(() => second.opens.length > 1);
    second.opens[1]!.resolve(20);
    expect(await opened).toBe(true);
    expect(second.ahead).toBeNull();
  });

  it("prepares nothing ahead that is no embedding of its model, and says nothing of it", async () => {
    client.prepareAhead(embeddingFile());
    await loadModel();
    client.prepareAhead(new ArrayBuffer(3));
    await openImage();
    expect(backend.ahead).toBeNull();
    expect(client.info).toMatchObject({ state: "ready", message: null });
  });

  it("runs as many threads as were the fastest when it was tried here", async () => {
    const memory = {
      getItem: (key: string) => (key.includes(MANIFEST.weights_sha256) ? "1" : null),
      setItem: vi.fn(),
    };
    client = new DecoderClient(start, { isolated: true, cores: 2, memory });
    await client.loadModel(MANIFEST, new ArrayBuffer(1), new ArrayBuffer(1));
    expect(backends.at(-1)!.load.mock.lastCall).toEqual(expect.arrayContaining(["wasm", 1]));
    expect(client.info).toMatchObject({ threads: 1, threadsTried: true });
    const other = { ...MANIFEST, weights_sha256: "c".repeat(64) };
    await client.loadModel(other, new ArrayBuffer(1), new ArrayBuffer(1));
    expect(client.info).toMatchObject({ threads: 2, threadsTried: false });
  });

  it("runs one thread on a page that is not isolated", () => {
    const single = new DecoderClient(start, { isolated: false, cores: 16 });
    expect(single.info).toMatchObject({ threads: 1, isolated: false });
  });

  it("answers with prompts in model pixels", async () => {
    await loadModel();
    await openImage();
    const decoded = client.decode({ ...NO_PROMPTS, box: [0, 6, 32, 48] }, { height: 96, width: 128 });
    await until(() => backend.decodes.length === 1);
    expect([...backend.decodes[0]!.inputs.pointCoords]).toEqual([0, 3, 16, 24]);
    backend.decodes[0]!.resolve(answer());
    expect(await decoded).toMatchObject({ milliseconds: 3 });
    expect(client.info.lastDecodeMs).toBe(3);
  });

  it("keeps one decode in flight and of the waiting ones the newest", async () => {
    await loadModel();
    await openImage();
    const answers = [10, 20, 30, 40].map((x) => client.decode(at(x), IMAGE));
    expect(await answers[1]).toBeNull();
    expect(await answers[2]).toBeNull();
    expect(backend.decodes).toHaveLength(1);
    backend.decodes[0]!.resolve(answer());
    expect(await answers[0]).not.toBeNull();
    await until(() => backend.decodes.length === 2);
    expect(backend.decodes[1]!.inputs.pointCoords[0]).toBe(40);
    backend.decodes[1]!.resolve(answer());
    expect(await answers[3]).not.toBeNull();
  });

  it("drops answers for an image that was left", async () => {
    await loadModel();
    await openImage();
    const [inFlight, waiting] = [client.decode(at(1), IMAGE), client.decode(at(2), IMAGE)];
    client.closeImage();
    expect(await waiting).toBeNull();
    await until(() => backend.decodes.length === 1);
    backend.decodes[0]!.resolve(answer());
    expect(await inFlight).toBeNull();
    expect(await client.decode(at(3), IMAGE)).toBeNull();
    expect(client.info.lastDecodeMs).toBeNull();
  });

  it("prepares only the newest of images opened in a hurry", async () => {
    await loadModel();
    const opened = [1, 2, 3].map(() => client.openImage(embeddingFile()));
    await until(() => backend.opens.length === 1);
    backend.opens[0]!.resolve(5);
    expect(await Promise.all(opened)).toEqual([false, false, true]);
    expect(backend.opens).toHaveLength(1);
  });

  it("passes errors on and goes on", async () => {
    await loadModel();
    await openImage();
    const failing = client.decode(at(1), IMAGE);
    await until(() => backend.decodes.length === 1);
    backend.decodes[0]!.reject(new Error("out of memory"));
    await expect(failing).rejects.toMatchObject({ code: "decode_failed", message: /out of memory/ });
    const next = client.decode(at(2), IMAGE);
    await until(() => backend.decodes.length === 2);
    backend.decodes[1]!.resolve(answer());
    expect(await next).not.toBeNull();
  });

  it("refuses the embedding of another model before it reaches the worker", async () => {
    await loadModel();
    const foreign = embeddingFile({ ...METADATA, model_sha256: "b".repeat(64) });
    await expect(client.openImage(foreign)).rejects.toMatchObject({ code: "model_mismatch" });
    expect(backend.opens).toHaveLength(0);
    await openImage();
    await expect(client.openImage(foreign)).rejects.toMatchObject({ code: "model_mismatch" });
    expect(await client.decode(at(1), IMAGE)).toBeNull(); // not answered from the image before
  });

  it("needs a model first", async () => {
    await expect(client.openImage(embeddingFile())).rejects.toMatchObject({ code: "no_model" });
    backend.load.mockRejectedValueOnce(new Error("bad magic"));
    await expect(loadModel()).rejects.toMatchObject({ code: "broken_model" });
    expect(client.info).toMatchObject({
      state: "failed",
      message: "The decoder of Tiny does not load: bad magic",
    });
  });
});

describe("a decoder whose worker dies", () => {
  const embedding = embeddingFile();

  async function ready(): Promise<void> {
    await loadModel();
    const opened = client.openImage(embedding);
    await until(() => backend.opens.length > 0);
    backend.opens[0]!.resolve(12);
    await opened;
  }

  it("is started again with its model and image, and answers what was asked", async () => {
    await ready();
    const dying = client.decode(at(1), IMAGE);
    await until(() => backend.decodes.length === 1);
    backend.die("unreachable");
    expect(client.info).toMatchObject({ state: "loading", message: /unreachable/ });
    const meanwhile = [client.decode(at(2), IMAGE), client.decode(at(3), IMAGE)];
    const next = await revived();
    expect(backend.terminated).toBe(true);
    expect(next.loads).toEqual([MANIFEST]);
    expect(next.opens[0]!.embedding).toBe(embedding);
    expect(client.info).toMatchObject({ state: "ready", message: null });
    await until(() => next.decodes.length === 1);
    expect(next.decodes[0]!.inputs.pointCoords[0]).toBe(1);
    next.decodes[0]!.resolve(answer());
    expect(await dying).not.toBeNull();
    expect(await meanwhile[0]).toBeNull(); // a newer one came
    await until(() => next.decodes.length === 2);
    next.decodes[1]!.resolve(answer());
    expect(await meanwhile[1]).not.toBeNull();
  });

  it("takes a trap of WebAssembly for death", async () => {
    await ready();
    const asked = client.decode(at(1), IMAGE);
    await until(() => backend.decodes.length === 1);
    const trap = Object.assign(new Error("memory access out of bounds"), { name: "RuntimeError" });
    backend.decodes[0]!.reject(trap);
    await until(() => backends.length === 2);
    const next = await revived();
    await until(() => next.decodes.length === 1);
    next.decodes[0]!.resolve(answer());
    expect(await asked).not.toBeNull();
  });

  it("is started again while nobody asks for anything", async () => {
    await loadModel();
    backend.die("unreachable");
    const next = await revived(false);
    expect(next.loads).toEqual([MANIFEST]);
    expect(next.opens).toHaveLength(0);
    expect(client.info.state).toBe("idle");
  });

  it("does not bring back an image that was closed meanwhile", async () => {
    await ready();
    backend.die("unreachable");
    client.closeImage();
    const next = await revived();
    expect(client.info.state).toBe("idle");
    expect(next.close).toHaveBeenCalledOnce();
    expect(await client.decode(at(1), IMAGE)).toBeNull();
  });

  it("gives a prompt two chances", async () => {
    await ready();
    const poison = client.decode(at(1), IMAGE);
    await until(() => backend.decodes.length === 1);
    backend.die("unreachable");
    const second = await revived();
    await until(() => second.decodes.length === 1);
    second.die("unreachable again");
    await expect(poison).rejects.toMatchObject({ code: "decode_failed", message: /unreachable again/ });
    const third = await revived();
    const next = client.decode(at(2), IMAGE);
    await until(() => third.decodes.length === 1);
    third.decodes[0]!.resolve(answer());
    expect(await next).not.toBeNull();
  });

  it("does not bring back an image that kills it", async () => {
    await loadModel();
    const poison = client.openImage(embedding);
    await until(() => backend.opens.length === 1);
    backend.die("unreachable");
    await until(() => backends[1]!.opens.length === 1);
    backends[1]!.die("unreachable");
    await expect(poison).rejects.toMatchObject({ code: "broken_embedding" });
    const next = await revived(false);
    const opened = client.openImage(embeddingFile());
    await until(() => next.opens.length === 1);
    next.opens[0]!.resolve(5);
    expect(await opened).toBe(true);
  });

  it("stays dead after too many deaths in a short time, and says what to do", async () => {
    await ready();
    for (let death = 0; death < MAX_RESTARTS; death++) {
      backends.at(-1)!.die("unreachable");
      await revived();
      clock += RESTART_WINDOW / 10;
    }
    const asked = client.decode(at(1), IMAGE);
    backends.at(-1)!.die("one too many");
    await expect(asked).rejects.toMatchObject({ code: "decoder_stopped" });
    expect(backends).toHaveLength(1 + MAX_RESTARTS);
    expect(client.info).toMatchObject({ state: "failed", message: /one too many.*Reload the page/ });
    expect(await client.decode(at(1), IMAGE)).toBeNull();
    client.closeImage();
    await expect(client.openImage(embeddingFile())).rejects.toMatchObject({ code: "decoder_stopped" });
    expect(client.info.state).toBe("failed");
  });

  it("goes on for ever when deaths are rare", async () => {
    await ready();
    for (let death = 0; death < 3 * MAX_RESTARTS; death++) {
      backends.at(-1)!.die("unreachable");
      await revived();
      clock += RESTART_WINDOW / MAX_RESTARTS;
    }
    expect(client.info.state).toBe("ready");
  });

  it("is not started again when the page has left", async () => {
    await ready();
    client.dispose();
    expect(backend.terminated).toBe(true);
    backend.die("late");
    expect(backends).toHaveLength(1);
  });
});

describe("a decoder on the graphics card", () => {
  beforeEach(async () => {
    card = "webgpu";
    client = new DecoderClient(start, { isolated: true, cores: 16, wish: "auto" });
    backend = backends.at(-1)!;
    await loadModel();
  });

  it("says so", () => {
    expect(backend.wish).toBe("auto");
    expect(client.info).toMatchObject({ provider: "webgpu", fallback: null });
  });

  it("goes on on the processor when the card fails, and never back", async () => {
    await openImage();
    const asked = client.decode(at(1), IMAGE);
    await until(() => backend.decodes.length === 1);
    backend.decodes[0]!.reject(new Error("device lost"));
    await until(() => backends.length === 3);
    const next = await revived();
    expect(next.wish).toBe("wasm");
    expect(client.info).toMatchObject({ state: "ready", provider: "wasm", fallback: /device lost/ });
    await until(() => next.decodes.length === 1);
    next.decodes[0]!.resolve(answer());
    expect(await asked).not.toBeNull();
    await loadModel();
    expect(next.wish).toBe("wasm");
    expect(client.info.fallback).toMatch(/device lost/);
  });

  it("is not given up for an embedding that cannot be read", async () => {
    const opened = client.openImage(embeddingFile());
    await until(() => backend.opens.length === 1);
    backend.opens[0]!.reject(Object.assign(new Error("torn"), { name: "DecoderError" }));
    await expect(opened).rejects.toThrow("torn");
    expect(backends).toHaveLength(2);
    expect(client.info.provider).toBe("webgpu");
  });

  it("is not asked for where nobody wishes for one", async () => {
    const wasm = new DecoderClient(start, { isolated: true, cores: 2 });
    await wasm.loadModel(MANIFEST, new ArrayBuffer(1), new ArrayBuffer(1));
    expect(backends.at(-1)!.wish).toBe("wasm");
    expect(wasm.info).toMatchObject({ provider: "wasm", fallback: null });
  });
});
