import { beforeEach, describe, expect, it, vi } from "vitest";
import { imagePoint } from "../core/geometry.ts";
import { NO_PROMPTS, type Prompts } from "../core/prompts.ts";
import type { Decoded, DecoderState } from "../session/types.ts";
import { type DecoderBackend, DecoderClient } from "./client.ts";
import { embeddingFile, MANIFEST, METADATA } from "./embedding.test-support.ts";
import type { DecodeInputs } from "./graphs.ts";

const IMAGE = { height: 48, width: 64 };
const at = (x: number): Prompts => ({ ...NO_PROMPTS, points: [{ at: imagePoint(x, 5), label: 1 }] });
const answer = (): Decoded => ({
  lowRes: new Float32Array(4 * 64),
  iou: new Float32Array(4),
  milliseconds: 3,
});

interface Deferred<Value> {
  promise: Promise<Value>;
  resolve: (value: Value) => void;
  reject: (reason: Error) => void;
}

/** A worker whose decodes are answered by hand. */
class FakeBackend implements DecoderBackend {
  readonly decodes: (Deferred<Decoded> & { inputs: DecodeInputs })[] = [];
  readonly opens: Deferred<number>[] = [];
  load = vi.fn(async () => undefined);
  close = vi.fn(async () => undefined);
  open = async () => {
    const open = deferred<number>();
    this.opens.push(open);
    return open.promise;
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

let backend: FakeBackend;
let client: DecoderClient;

async function loadModel(): Promise<void> {
  await client.loadModel(MANIFEST, new ArrayBuffer(1), new ArrayBuffer(1));
}

async function openImage(): Promise<void> {
  const opened = client.openImage(embeddingFile());
  await vi.waitUntil(() => backend.opens.length > 0);
  backend.opens.pop()!.resolve(12);
  expect(await opened).toBe(true);
}

beforeEach(() => {
  backend = new FakeBackend();
  client = new DecoderClient(backend, () => undefined, { isolated: true, cores: 16 });
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

  it("runs one thread on a page that is not isolated", () => {
    const single = new DecoderClient(backend, () => undefined, { isolated: false, cores: 16 });
    expect(single.info).toMatchObject({ threads: 1, isolated: false });
  });

  it("answers with prompts in model pixels", async () => {
    await loadModel();
    await openImage();
    const decoded = client.decode({ ...NO_PROMPTS, box: [0, 6, 32, 48] }, { height: 96, width: 128 });
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
    await vi.waitUntil(() => backend.decodes.length === 2);
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
    backend.decodes[0]!.resolve(answer());
    expect(await inFlight).toBeNull();
    expect(await client.decode(at(3), IMAGE)).toBeNull();
    expect(client.info.lastDecodeMs).toBeNull();
  });

  it("prepares only the newest of images opened in a hurry", async () => {
    await loadModel();
    const opened = [1, 2, 3].map(() => client.openImage(embeddingFile()));
    await vi.waitUntil(() => backend.opens.length === 1);
    backend.opens[0]!.resolve(5);
    expect(await Promise.all(opened)).toEqual([false, false, true]);
    expect(backend.opens).toHaveLength(1);
  });

  it("refuses what the worker had in hand when it died", async () => {
    await loadModel();
    await openImage();
    const dying = client.decode(at(1), IMAGE);
    const waiting = client.decode(at(2), IMAGE);
    client.fail("The decoder stopped: unreachable");
    await expect(dying).rejects.toMatchObject({ code: "decode_failed", message: /unreachable/ });
    expect(await waiting).toBeNull();
    expect(client.info.state).toBe("failed");
  });

  it("passes errors on and goes on", async () => {
    await loadModel();
    await openImage();
    const failing = client.decode(at(1), IMAGE);
    backend.decodes[0]!.reject(new Error("out of memory"));
    await expect(failing).rejects.toMatchObject({ code: "decode_failed", message: /out of memory/ });
    const next = client.decode(at(2), IMAGE);
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
