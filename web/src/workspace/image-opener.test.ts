import { expect, it, vi } from "vitest";
import { ImageOpener, type ImageOpenerParts } from "./image-opener.svelte.ts";

it("asks for the embedding alone again when only that was out of reach", async () => {
  const embedding = Promise.resolve(new ArrayBuffer(4));
  const parts = {
    cache: { look: vi.fn(() => ({ embedding })), forget: vi.fn() },
    engine: { outOfReach: true, open: vi.fn(async () => true) },
    follower: { heeding: (asking: Promise<unknown>) => asking },
    session: { image: { id: 7 }, embeddingReady: vi.fn() },
  };
  const opener = new ImageOpener(parts as unknown as ImageOpenerParts);
  opener.wanted = 7;
  expect(opener.tryAgain()).toBe(false); // what was drawn stays as it is
  expect(parts.engine.open).toHaveBeenCalledWith(embedding);
  await vi.waitFor(() => expect(parts.session.embeddingReady).toHaveBeenCalledOnce());
  expect(parts.cache.forget).not.toHaveBeenCalled();

  parts.engine.outOfReach = false;
  expect(opener.tryAgain()).toBe(false);
  expect(parts.engine.open).toHaveBeenCalledOnce();
});
