/** onnxruntime-web with WebGPU. The build is nearly twice as large as the one for the processor: fetched when it is wanted. */

import gpuScript from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url";
import gpuBinary from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url";
import type * as Ort from "onnxruntime-web/webgpu";
import type { Graph, Inputs, KeptTensor, Runtime } from "./runtime.ts";
import { answersOf } from "./upscaling/upscaled-graph.ts";

/** The part of WebGPU that is asked here; TypeScript's library does not know it yet. */
interface Gpu {
  requestAdapter(): Promise<{ readonly info?: { readonly isFallbackAdapter?: boolean } } | null>;
}

/** @returns null where there is a graphics card that WebGPU can use */
export async function whyNoGraphicsCard(): Promise<string | null> {
  const { gpu } = navigator as Navigator & { readonly gpu?: Gpu };
  if (!gpu) return "this browser has no WebGPU";
  const adapter = await gpu.requestAdapter();
  if (!adapter) return "WebGPU finds no graphics card";
  return adapter.info?.isFallbackAdapter ? "WebGPU would emulate a graphics card" : null;
}

export async function onGraphicsCard(threads: number): Promise<Runtime> {
  const ort = await import("onnxruntime-web/webgpu");
  ort.env.wasm.wasmPaths = { mjs: gpuScript, wasm: gpuBinary };
  ort.env.wasm.numThreads = threads;
  return {
    provider: "webgpu",
    load: (graph) => GpuGraph.load(ort, graph, {}, ({ data }) => data as Float32Array),
    loadKeeping: (graph) =>
      GpuGraph.load<KeptTensor>(ort, graph, { preferredOutputLocation: "gpu-buffer" }, (tensor) => tensor),
  };
}

class GpuGraph<Output> implements Graph<Output> {
  private constructor(
    private readonly ort: typeof Ort,
    private readonly session: Ort.InferenceSession,
    private readonly read: (tensor: Ort.Tensor) => Output,
  ) {}

  static async load<Output>(
    ort: typeof Ort,
    graph: Uint8Array,
    location: Pick<Ort.InferenceSession.SessionOptions, "preferredOutputLocation">,
    read: (tensor: Ort.Tensor) => Output,
  ): Promise<GpuGraph<Output>> {
    const options: Ort.InferenceSession.SessionOptions = {
      executionProviders: ["webgpu"],
      graphOptimizationLevel: "all",
      ...location,
    };
    return new GpuGraph(ort, await ort.InferenceSession.create(graph, options), read);
  }

  get inputNames(): readonly string[] {
    return this.session.inputNames;
  }

  get outputNames(): readonly string[] {
    return this.session.outputNames;
  }

  async run(inputs: Inputs): Promise<Record<string, Output>> {
    const feeds = Object.entries(inputs).map(([name, given]) => [name, this.tensorOf(given)] as const);
    const tensors = await this.session.run(Object.fromEntries(feeds), answersOf(this.outputNames));
    return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, this.read(tensor)]));
  }

  release(): Promise<void> {
    return this.session.release();
  }

  private tensorOf(given: Inputs[string]): Ort.Tensor {
    const { Tensor } = this.ort;
    if (given instanceof Tensor) return given;
    if (!("data" in given)) throw new TypeError("the tensor was kept by another runtime");
    const { data, shape } = given;
    return data instanceof BigInt64Array
      ? new Tensor("int64", data, shape)
      : new Tensor("float32", data, shape);
  }
}
