/** Where a model's graphs run: tried once, when they are loaded. */

import type { Answering, ProviderWish } from "./decoder.ts";
import { onGraphicsCard, whyNoGraphicsCard } from "./graphics-card.ts";
import { DecoderGraphs } from "./graphs.ts";
import type { Manifest } from "./manifest.ts";
import { onProcessor } from "./processor.ts";

const SLOW = 60; // ms: a processor answers a click in that time, so a graphics card that takes longer is of no use

export interface Choice {
  readonly graphs: DecoderGraphs;
  readonly answering: Answering;
}

/**
 * Load a model's graphs where they were wished for: `auto` takes the graphics card where there is one that answers
 * rightly and fast. Whatever goes wrong on it, they run on the processor.
 *
 * @throws when they do not load on the processor either
 */
export async function loadGraphs(
  manifest: Manifest,
  prepare: Uint8Array,
  decode: Uint8Array,
  wish: ProviderWish,
  threads: number,
): Promise<Choice> {
  let fallback = wish === "auto" ? await whyNoGraphicsCard() : null;
  if (wish !== "wasm" && fallback === null) {
    try {
      const graphs = await DecoderGraphs.load(await onGraphicsCard(threads), manifest, prepare, decode);
      let chosen = false;
      try {
        const milliseconds = await graphs.tryOut();
        chosen = wish === "webgpu" || milliseconds <= SLOW;
        if (chosen) return { graphs, answering: { provider: "webgpu", fallback: null } };
        fallback = `the graphics card takes ${Math.round(milliseconds)} ms for a click`;
      } finally {
        if (!chosen) await graphs.release();
      }
    } catch (error) {
      fallback = `the graphics card failed: ${error instanceof Error ? error.message : String(error)}`;
    }
  }
  const graphs = await DecoderGraphs.load(await onProcessor(threads), manifest, prepare, decode);
  return { graphs, answering: { provider: "wasm", fallback } };
}
