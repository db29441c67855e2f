/** The decoder as the rest of the page sees it; `createDecoder` in client.ts makes one. */

import type { ImageSize } from "../core/geometry.ts";
import type { DecoderPrompts, MaskSpec } from "../core/prompts.ts";
import type { Manifest } from "./manifest.ts";

/** What the decoder answers to one prompt. */
export interface Decoded {
  /** (count, low_res_size, low_res_size) logits over the model's input. */
  readonly lowRes: Float32Array;
  /** (count,) */
  readonly iou: Float32Array;
  /** Logit of there being an object at all; null of models that say nothing of it. */
  readonly objectScore: number | null;
  /** Which of the masks is for what. */
  readonly masks: MaskSpec;
  /** Time the graph took in the worker. */
  readonly milliseconds: number;
}

export type DecoderState = "empty" | "loading" | "idle" | "preparing" | "ready" | "failed";

/** Where graphs run: on the processor, or on the graphics card. */
export type Provider = "wasm" | "webgpu";
/** `auto`: on the graphics card where there is one that answers rightly and fast, else on the processor. */
export type ProviderWish = Provider | "auto";

export interface Answering {
  readonly provider: Provider;
  /** Why it is not the graphics card; null when it is, or when nobody wished for it. */
  readonly fallback: string | null;
}

export interface DecoderInfo extends Answering {
  /** `empty`: no model; `idle`: a model, no image; `ready`: answers prompts. */
  readonly state: DecoderState;
  readonly threads: number;
  /** Whether so many were the fastest when it was tried here; else it is as many as are sensible. */
  readonly threadsTried: boolean;
  /** False when the page is not cross-origin isolated, so that there is one thread only. */
  readonly isolated: boolean;
  readonly lastDecodeMs: number | null;
  readonly prepareMs: number | null;
  /** What went wrong last: why `state` is `failed`, or what the decoder is recovering from. */
  readonly message: string | null;
}

/**
 * The prompt encoder and mask decoder of one model, in a worker that is started again when it dies. One decode is in flight;
 * of those that wait, the newest wins and the others resolve to null, as do all that were asked for another image than the
 * open one.
 */
export interface Decoder {
  readonly info: DecoderInfo;
  readonly manifest: Manifest | null;
  /** @returns disposer */
  subscribe(listener: (info: DecoderInfo) => void): () => void;
  /**
   * Buffers are kept, for a worker that has to be started again.
   * @throws DecoderError when the graphs do not load or do not fit the manifest.
   */
  loadModel(manifest: Manifest, prepareGraph: ArrayBuffer, decodeGraph: ArrayBuffer): Promise<void>;
  /**
   * Parse an embedding (safetensors bytes, kept while the image is open) and run `prepare`.
   * @returns false when another image was opened or closed meanwhile.
   * @throws DecoderError for an embedding of another model, a broken file, or when no model is loaded.
   */
  openImage(embedding: ArrayBuffer): Promise<boolean>;
  /**
   * The image that will probably be opened next: `prepare` runs for it when nobody asks for anything, and {@link openImage}
   * with this same buffer has nothing left to do. Whatever goes wrong with it, opening it will say.
   */
  prepareAhead(embedding: ArrayBuffer): void;
  /** Forget the open image, e.g. on navigation while the next embedding is still on its way. */
  closeImage(): void;
  /** @param image size of what the open embedding was made from */
  decode(prompts: DecoderPrompts, image: ImageSize): Promise<Decoded | null>;
  dispose(): void;
}
