import { expect, it } from "vitest";
import type { DecoderInfo } from "../decoder/decoder.ts";
import { decoderFigures, decoderTrouble } from "./decoder-words.ts";

const INFO: DecoderInfo = {
  state: "ready",
  threads: 2,
  threadsTried: false,
  isolated: true,
  provider: "wasm",
  fallback: null,
  lastDecodeMs: 148.4,
  prepareMs: 12,
  message: null,
};

it.each<[Partial<DecoderInfo>, string, string]>([
  [{}, "", "On the processor with 2 threads; last answer in 148 ms"],
  [{ lastDecodeMs: null, threads: 1 }, "", "On the processor with 1 thread"],
  [
    { lastDecodeMs: null, threads: 1, threadsTried: true },
    "",
    "On the processor with 1 thread, the fastest number that was tried",
  ],
  [
    { provider: "webgpu", threads: 1, isolated: false },
    "",
    "On the graphics card (WebGPU); last answer in 148 ms",
  ],
  [{ fallback: "no card", lastDecodeMs: null }, "", "On the processor with 2 threads: no card"],
  [
    { isolated: false, threads: 1, lastDecodeMs: null },
    "Slow: page is not isolated",
    "On the processor with 1 thread",
  ],
  [{ state: "loading" }, "Loading the model…", ""],
  [{ state: "failed", message: "it died" }, "Model stopped", ""],
])("a decoder of %j troubles people with “%s” and says of itself “%s”", (info, trouble, figures) => {
  expect(decoderTrouble({ ...INFO, ...info })).toBe(trouble);
  expect(decoderFigures({ ...INFO, ...info })).toBe(figures);
});

it("is loading before anything is known of it", () => {
  expect(decoderTrouble(undefined)).toBe("Loading the model…");
  expect(decoderFigures(undefined)).toBe("");
});
