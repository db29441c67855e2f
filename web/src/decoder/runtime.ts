/** onnxruntime-web in one of its two builds: in WebAssembly on the processor, or with WebGPU on the graphics card. */

import gpuScript from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url";
import gpuBinary from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url";
import script from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";
import binary from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
import * as wasm from "onnxruntime-web/wasm";
import type { Provider } from "../session/types.ts";

export interface Runtime {
  readonly provider: Provider;
  readonly ort: typeof wasm;
}

/** The part of WebGPU that is asked here; TypeScript's library does not know it yet. */
interface Gpu {
  requestAdapter(): Promise<{ readonly info?: { readonly isFallbackAdapter?: boolean } } | null>;
}

export function onProcessor(threads: number): Runtime {
  return configured("wasm", wasm, { mjs: script, wasm: binary }, threads);
}

/** The build with WebGPU is nearly twice as large, so it is fetched here and not before. */
export async function onGraphicsCard(threads: number): Promise<Runtime> {
  const ort = await import("onnxruntime-web/webgpu");
  return configured("webgpu", ort, { mjs: gpuScript, wasm: gpuBinary }, threads);
}

/** @returns null where there is a graphics card that WebGPU can use */
export async function whyNoGraphicsCard(): Promise<string | null> {
  const { gpu } = navigator as Navigator & { readonly gpu?: Gpu };
  if (!gpu) return "this browser has no WebGPU";
  const adapter = await gpu.requestAdapter();
  if (!adapter) return "WebGPU finds no graphics card";
  return adapter.info?.isFallbackAdapter ? "WebGPU would emulate a graphics card" : null;
}

function configured(
  provider: Provider,
  ort: typeof wasm,
  // The runtime's script is a file of its own: bundled, its threads would start this worker's code again.
  wasmPaths: { readonly mjs: string; readonly wasm: string },
  threads: number,
): Runtime {
  ort.env.wasm.wasmPaths = wasmPaths;
  ort.env.wasm.numThreads = threads;
  return { provider, ort };
}
