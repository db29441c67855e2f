import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Client } from "../api/client.ts";
import { NetworkError } from "../api/errors.ts";
import { EVERYTHING } from "../api/listing.ts";
import type { EmbeddingAnswer, ImageAnnotations, ImageDetails } from "../api/types.ts";
import { EmbeddingWaits } from "./embedding-waits.ts";
import { ImageCache } from "./image-cache.ts";

const LAST = 9;
const MODEL = async () => "a".repeat(64);
const READY: EmbeddingAnswer = { state: "ready", bytes: new ArrayBuffer(4) };

function annotationsOf(image_id: number, revision: number): ImageAnnotations {
  const mark = { state: "waiting", note: "", by: null, at: null } as const;
  return { image_id, revision, mark, annotations: [], exhaustivity: [] };
}

/** A project of images 1 to 9; each embedding answers what `answers` says, else ready. */
function fakeClient(answers: Map<number, EmbeddingAnswer[]>) {
  const asked: [number, string][] = [];
  const signals = new Map<number, AbortSignal>();
  const client = {
    image: vi.fn(async (id: number) => {
      const details = { id, next_id: id < LAST ? id + 1 : null, previous_id: id > 1 ? id - 1 : null };
      return details as ImageDetails;
    }),
    annotations: vi.fn(async (id: number) => annotationsOf(id, 1)),
    file: vi.fn(async (_id: number) => new Blob()),
    embedding: vi.fn(async (id: number, priority: string, { signal }: { signal: AbortSignal }) => {
      asked.push([id, priority]);
      signals.set(id, signal);
      const left = answers.get(id) ?? [];
      return (left.length > 1 ? left.shift() : left[0]) ?? READY;
    }),
  };
  return {
    client: client as unknown as Client,
    asked,
    signals,
    files: client.file,
    annotations: client.annotations,
  };
}

const waiting = (position: number): EmbeddingAnswer => ({ state: "waiting", position, error: null });
let waits: EmbeddingWaits;

beforeEach(() => {
  waits = new EmbeddingWaits();
});

describe("ImageCache", () => {
  it("prefetches the next three images and the previous one, behind the one being looked at", async () => {
    const { client, asked } = fakeClient(new Map());
    const cache = new ImageCache(client, waits, MODEL, () => EVERYTHING);
    await cache.prefetchAround(await cache.look(4, vi.fn()).details, null);
    expect(asked).toEqual([
      [4, "look"],
      [5, "prefetch"],
      [6, "prefetch"],
      [7, "prefetch"],
      [3, "prefetch"],
    ]);
  });

  it("gives the embedding of an image that is loaded ahead, the one that opening it gives", async () => {
    const { client } = fakeClient(new Map());
    const cache = new ImageCache(client, waits, MODEL, () => EVERYTHING);
    await cache.prefetchAround(await cache.look(4, vi.fn()).details, null);
    expect(cache.embeddingAhead(9)).toBeNull();
    const ahead = cache.embeddingAhead(5);
    expect(ahead).not.toBeNull();
    expect(await cache.look(5, vi.fn()).embedding).toBe(await ahead);
  });

  it("prefetches what submitting opens before all others, and keeps it with them", async () => {
    const { client, asked, signals } = fakeClient(new Map());
    const cache = new ImageCache(client, waits, MODEL, () => EVERYTHING);
    cache.look(3, vi.fn());
    await cache.prefetchAround(await cache.look(4, vi.fn()).details, 9);
    expect(asked.map(([id]) => id)).toEqual([3, 4, 9, 5, 6, 7]);
    expect([...signals.values()].some(({ aborted }) => aborted)).toBe(false);
  });

  it("does not load again what was prefetched", async () => {
    const { client, files } = fakeClient(new Map());
    const cache = new ImageCache(client, waits, MODEL, () => EVERYTHING);
    await cache.prefetchAround(await cache.look(1, vi.fn()).details, null);
    await cache.look(2, vi.fn()).embedding;
    expect(files.mock.calls.filter(([id]) => id === 2)).toHaveLength(1);
  });

  it("tells how far the encoder is, and asks again as soon as an event comes", async () => {
    const { client } = fakeClient(new Map([[1, [waiting(2), READY]]]));
    const pending = vi.fn();
    const loading = new ImageCache(client, waits, MODEL, () => EVERYTHING).look(1, pending);
    await vi.waitFor(() => expect(pending).toHaveBeenCalledWith(waiting(2)));
    waits.wake(1);
    expect((await loading.embedding).byteLength).toBe(4);
  });

  it("moves a prefetched image to the front when it is looked at", async () => {
    const answers = new Map([[2, [waiting(5)]]]);
    const { client, asked } = fakeClient(answers);
    const cache = new ImageCache(client, waits, MODEL, () => EVERYTHING);
    await cache.prefetchAround(await cache.look(1, vi.fn()).details, null);
    const pending = vi.fn();
    cache.look(2, pending);
    expect(pending).toHaveBeenCalledWith(waiting(5));
    await vi.waitFor(() => expect(asked).toContainEqual([2, "look"]));
    cache.clear();
  });

  it("keeps a few images, and stops loading those that it lets go", async () => {
    const { client, signals } = fakeClient(new Map([[1, [waiting(9)]]]));
    const cache = new ImageCache(client, waits, MODEL, () => EVERYTHING);
    cache.look(1, vi.fn());
    for (let id = 2; id <= 8; id++) cache.look(id, vi.fn());
    await vi.waitFor(() => expect(signals.get(1)?.aborted).toBe(true));
    expect(signals.get(8)?.aborted).toBe(false);
  });

  it("reports an image on which the encoder failed, and tries again when it is opened again", async () => {
    const failed: EmbeddingAnswer = { state: "failed", position: null, error: "Out of memory" };
    const { client } = fakeClient(new Map([[1, [failed, READY]]]));
    const cache = new ImageCache(client, waits, MODEL, () => EVERYTHING);
    await expect(cache.look(1, vi.fn()).embedding).rejects.toThrow("Out of memory");
    expect((await cache.look(1, vi.fn()).embedding).byteLength).toBe(4);
  });

  it("asks once for the annotations of an image that was not loaded ahead, and anew for those of one that was", async () => {
    const { client, annotations } = fakeClient(new Map());
    const cache = new ImageCache(client, waits, MODEL, () => EVERYTHING);
    const first = cache.look(1, vi.fn());
    expect((await first.annotations()).revision).toBe(1);
    expect(annotations.mock.calls.map(([id]) => id)).toEqual([1]);
    await cache.prefetchAround(await first.details, null);
    annotations.mockImplementation(async (id) => annotationsOf(id, 5));
    expect((await cache.look(2, vi.fn()).annotations()).revision).toBe(5);
  });

  it("gives the annotations that were loaded ahead for want of the server, and those of the last time after that", async () => {
    const { client, annotations } = fakeClient(new Map());
    const cache = new ImageCache(client, waits, MODEL, () => EVERYTHING);
    await cache.prefetchAround(await cache.look(1, vi.fn()).details, null);
    const offline = async () => {
      throw new NetworkError();
    };
    annotations.mockImplementation(offline);
    expect(await cache.look(2, vi.fn()).annotations()).toEqual(annotationsOf(2, 1));
    annotations.mockImplementation(async (id) => annotationsOf(id, 6));
    await cache.look(2, vi.fn()).annotations();
    annotations.mockImplementation(offline);
    expect(await cache.look(2, vi.fn()).annotations()).toEqual(annotationsOf(2, 6));
  });

  it("does not hide a refusal behind what was loaded ahead", async () => {
    const { client, annotations } = fakeClient(new Map());
    const cache = new ImageCache(client, waits, MODEL, () => EVERYTHING);
    await cache.prefetchAround(await cache.look(1, vi.fn()).details, null);
    annotations.mockImplementation(async () => {
      throw new Error("There is no image 2.");
    });
    await expect(cache.look(2, vi.fn()).annotations()).rejects.toThrow("There is no image 2.");
  });
});
