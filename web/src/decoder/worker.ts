/** The decoder's own thread: keeps onnxruntime-web and the prepared tensors away from the page. */

import { expose, transfer } from "comlink";
import runtimeScript from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";
import runtimeBinary from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
import { env } from "onnxruntime-web/wasm";
import type { Decoded, Manifest } from "../session/types.ts";
import { type DecodeInputs, DecoderGraphs } from "./graphs.ts";

let graphs: DecoderGraphs | null = null;

const api = {
  /** Replaces the model that was loaded before. */
  async load(manifest: Manifest, prepare: ArrayBuffer, decode: ArrayBuffer, threads: number): Promise<void> {
    // The runtime's script is a file of its own: bundled, its threads would start this worker's code again.
    env.wasm.wasmPaths = { mjs: runtimeScript, wasm: runtimeBinary };
    env.wasm.numThreads = threads;
    await graphs?.release();
    graphs = null;
    graphs = await DecoderGraphs.load(manifest, new Uint8Array(prepare), new Uint8Array(decode));
  },

  /** @returns milliseconds that `prepare` took */
  async open(embedding: ArrayBuffer): Promise<number> {
    return loaded().prepare(embedding);
  },

  close(): void {
    graphs?.close();
  },

  async decode(inputs: DecodeInputs): Promise<Decoded> {
    const decoded = await loaded().decode(inputs);
    return transfer(decoded, [decoded.lowRes.buffer, decoded.iou.buffer]);
  },
};

function loaded(): DecoderGraphs {
  if (!graphs) throw new Error("no model is loaded");
  return graphs;
}

export type DecoderWorker = typeof api;

expose(api);
