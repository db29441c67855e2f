/** What runs graphs: onnxruntime on the processor (processor.ts) or on the graphics card (graphics-card.ts). */

import type { Provider } from "./decoder.ts";

/** Numbers with a shape, in JavaScript's memory. */
export interface Values {
  readonly data: Float32Array | BigInt64Array;
  readonly shape: readonly number[];
}

/** A tensor on the runtime's side: in its memory, or on the graphics card. */
export interface KeptTensor {
  /** Frees it. */
  dispose(): void;
}

export type Inputs = Readonly<Record<string, Values | KeptTensor>>;

/** A graph that is loaded. */
export interface Graph<Output> {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /** All outputs by name. Inputs stay whose they are. */
  run(inputs: Inputs): Promise<Record<string, Output>>;
  /** Frees the runtime's memory. */
  release(): Promise<void>;
}

export interface Runtime {
  readonly provider: Provider;
  /** @throws when it is no ONNX graph, or one that this runtime cannot run */
  load(graph: Uint8Array): Promise<Graph<Float32Array>>;
  /** The same, and what the graph gives stays on the runtime's side: as input of another graph it is not copied. */
  loadKeeping(graph: Uint8Array): Promise<Graph<KeptTensor>>;
}
