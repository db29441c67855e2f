import { beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError, NetworkError } from "../api/errors.ts";
import { MANIFEST } from "../decoder/embedding.test-support.ts";
import { FakeDecoder } from "../decoder/fake-decoder.test-support.ts";
import { Engine } from "./engine.svelte.ts";

const [OLD, NEW, THIRD] = ["a", "b", "c"].map((letter) => letter.repeat(64)) as [string, string, string];
const BYTES = new ArrayBuffer(4);

let decoder: FakeDecoder;
let loaded: string[];
let client: { manifest: ReturnType<typeof vi.fn>; graph: ReturnType<typeof vi.fn> };
const fail = vi.fn();

function engine(): Engine {
  return new Engine(
    client as unknown as ConstructorParameters<typeof Engine>[0],
    Promise.resolve(OLD),
    fail,
    decoder,
  );
}

beforeEach(() => {
  vi.clearAllMocks();
  loaded = [];
  decoder = new FakeDecoder();
  vi.spyOn(decoder, "loadModel").mockImplementation(async (...given: unknown[]) => {
    loaded.push((given[0] as typeof MANIFEST).weights_sha256);
    return undefined;
  });
  client = {
    manifest: vi.fn(async (sha256: string) => ({ ...MANIFEST, weights_sha256: sha256 })),
    graph: vi.fn(async () => new ArrayBuffer(1)),
  };
});

describe("Engine", () => {
  it("goes on with its model until it is told to turn over, and has the files of the next one by then", async () => {
    const page = engine();
    expect(await page.open(Promise.resolve(BYTES))).toBe(true);
    expect(await page.follow(NEW)).toBe(true);
    expect(loaded).toEqual([OLD]);
    expect(page.ready).toBe(true);
    client.manifest.mockRejectedValue(new Error("the server is away"));
    expect(page.turnOver()).toBe(true);
    expect(page.ready).toBe(false);
    expect(await page.model).toBe(NEW);
    expect(await page.open(Promise.resolve(BYTES))).toBe(true);
    expect(loaded).toEqual([OLD, NEW]);
    expect(page.manifest?.weights_sha256).toBe(NEW);
    expect(page.turnOver()).toBe(false);
    expect(fail).not.toHaveBeenCalled();
  });

  it("follows the newest of several models, and none when it is back at its own", async () => {
    const page = engine();
    const [first, second] = await Promise.all([page.follow(NEW), page.follow(THIRD)]);
    expect([first, second]).toEqual([false, true]);
    expect(await page.follow(OLD)).toBe(false);
    expect(page.turnOver()).toBe(false);
    expect(await page.model).toBe(OLD);
  });

  it("stays with its model and says why when the next one cannot be had, and tries again when asked again", async () => {
    const page = engine();
    await page.open(Promise.resolve(BYTES));
    client.manifest.mockRejectedValueOnce(new ApiError("not_found", "It is gone.", "", 404));
    expect(await page.follow(NEW)).toBe(false);
    expect(fail).toHaveBeenCalledOnce();
    expect(page.turnOver()).toBe(false);
    expect(page.ready).toBe(true);
    expect(await page.follow(NEW)).toBe(true);
  });

  it("gets its model again, with the next image, when the server was away", async () => {
    client.manifest.mockRejectedValueOnce(new NetworkError("No answer."));
    const page = engine();
    expect(await page.open(Promise.resolve(BYTES))).toBe(false);
    expect([page.encode.state, page.outOfReach]).toEqual(["failed", true]);
    expect(fail).toHaveBeenCalledOnce();
    expect(await page.open(Promise.resolve(BYTES))).toBe(true);
    expect([page.ready, page.outOfReach, page.manifest?.weights_sha256]).toEqual([true, false, OLD]);
    expect(client.manifest).toHaveBeenCalledTimes(2);
  });

  it("asks for a model once that the server does not have", async () => {
    client.manifest.mockRejectedValue(new ApiError("not_found", "It is gone.", "", 404));
    const page = engine();
    for (let image = 0; image < 2; image++) expect(await page.open(Promise.resolve(BYTES))).toBe(false);
    expect(page.outOfReach).toBe(false);
    expect(client.manifest).toHaveBeenCalledOnce();
  });

  it("says whether an embedding was out of reach or could not be made", async () => {
    const page = engine();
    await page.open(Promise.reject(new ApiError("unexpected_answer", "Bad gateway.", "", 502)));
    expect(page.outOfReach).toBe(true);
    await page.open(Promise.reject(new ApiError("encoder_failed", "Not an image.", "", 500)));
    expect([page.encode.state, page.outOfReach]).toEqual(["failed", false]);
  });

  it("takes no other model once it is disposed of", async () => {
    const page = engine();
    await page.follow(NEW);
    page.dispose();
    expect(page.turnOver()).toBe(false);
  });
});
