/** A decoder that answers by hand, for tests of what is built on it. */

import type { ImageSize } from "../core/geometry.ts";
import type { DecoderPrompts } from "../core/prompts.ts";
import type { Decoded, Decoder, DecoderInfo } from "./decoder.ts";
import { MANIFEST } from "./embedding.test-support.ts";

const CELLS = MANIFEST.masks.low_res_size ** 2;

/** Mask k covers the left k + 1 of the grid's columns; `iou` are the scores. */
export function decodedMasks(iou: readonly number[] = [0.9, 0.5, 0.8, 0.7]): Decoded {
  const lowRes = Float32Array.from({ length: 4 * CELLS }, (_, index) =>
    index % MANIFEST.masks.low_res_size <= Math.floor(index / CELLS) ? 1 : -1,
  );
  return { lowRes, iou: new Float32Array(iou), objectScore: null, masks: MANIFEST.masks, milliseconds: 1 };
}

export class FakeDecoder implements Decoder {
  manifest: typeof MANIFEST | null = MANIFEST;
  info: DecoderInfo = {
    state: "ready",
    threads: 1,
    threadsTried: false,
    isolated: false,
    provider: "wasm",
    fallback: null,
    lastDecodeMs: null,
    prepareMs: null,
    message: null,
  };
  /** Unanswered requests, oldest first. */
  readonly requests: {
    prompts: DecoderPrompts;
    image: ImageSize;
    resolve: (decoded: Decoded | null) => void;
    reject: (error: Error) => void;
  }[] = [];

  decode(prompts: DecoderPrompts, image: ImageSize): Promise<Decoded | null> {
    if (this.info.state !== "ready") return Promise.resolve(null);
    return new Promise((resolve, reject) => this.requests.push({ prompts, image, resolve, reject }));
  }

  /** Answer the oldest request and let the page hear of it. */
  async answer(decoded: Decoded | null = decodedMasks()): Promise<void> {
    this.requests.shift()!.resolve(decoded);
    await Promise.resolve();
  }

  subscribe = () => () => undefined;
  loadModel = async () => undefined;
  openImage = async () => true;
  prepareAhead = (_embedding: ArrayBuffer) => undefined;
  closeImage = () => undefined;
  dispose = () => undefined;
}
