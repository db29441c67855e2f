/**
 * onnxruntime in WebAssembly, without the copies of its JavaScript interface.
 *
 * That one takes all outputs of a run out of the module's memory and brings all inputs into it. Of SAM's prepared tensors that
 * would be 28 MB, once out and on every click in; here they stay where `prepare` has put them.
 */

import { FLOAT32, HeapTensor } from "./heap-tensor.ts";
import { lastError, type OrtModule, type Pointer, startOrt } from "./ort-module.ts";
import type { Graph, Inputs, Runtime, Values } from "./runtime.ts";
import { answersOf, isUpscalable, UpscaledGraph } from "./upscaling/upscaled-graph.ts";
import { Upscaling } from "./upscaling/upscaling.ts";

// As onnxruntime numbers them.
const INT64 = 7;
const ON_CPU = 1;
const ALL_OPTIMISATIONS = 99;
const SEQUENTIAL = 0;
const WARNINGS = 2;

const started = new Map<number, Promise<Runtime>>();

/** The runtime of this worker with so many threads; it is started once. */
export function onProcessor(threads: number): Promise<Runtime> {
  const runtime = started.get(threads) ?? startOrt(threads).then((module) => runtimeOf(module, threads));
  started.set(threads, runtime);
  runtime.catch(() => started.delete(threads));
  return runtime;
}

const KERNEL_THREADS = 2; // at most: of more, each takes its share of the upscaling in the graph

/** Up to two threads have masks upscaled by the page's own kernel, which takes one. */
export function runtimeOf(module: OrtModule, threads: number): Runtime {
  let upscaling: Upscaling | undefined;
  return {
    provider: "wasm",
    load: async (bytes) => {
      const graph = new ProcessorGraph(module, bytes);
      if (threads > KERNEL_THREADS || !isUpscalable(graph)) return new ReadGraph(graph);
      upscaling ??= new Upscaling(module);
      return new UpscaledGraph(graph, upscaling);
    },
    loadKeeping: async (bytes) => new ProcessorGraph(module, bytes),
  };
}

/** A graph whose answers are taken out of the module's memory. */
class ReadGraph implements Graph<Float32Array> {
  constructor(private readonly graph: ProcessorGraph) {}

  get inputNames(): readonly string[] {
    return this.graph.inputNames;
  }

  get outputNames(): readonly string[] {
    return this.graph.outputNames;
  }

  async run(inputs: Inputs): Promise<Record<string, Float32Array>> {
    const tensors = Object.entries(await this.graph.run(inputs, answersOf(this.outputNames)));
    try {
      return Object.fromEntries(tensors.map(([name, tensor]) => [name, tensor.values()]));
    } finally {
      for (const [, tensor] of tensors) tensor.dispose();
    }
  }

  release(): Promise<void> {
    return this.graph.release();
  }
}

class ProcessorGraph implements Graph<HeapTensor> {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  private session: Pointer; // 0 once it is released
  /** Where the module has them. */
  private readonly names = new Map<string, Pointer>();

  constructor(
    private readonly module: OrtModule,
    graph: Uint8Array,
  ) {
    this.session = sessionOf(module, graph);
    try {
      [this.inputNames, this.outputNames] = this.readNames();
    } catch (error) {
      this.free();
      throw error;
    }
  }

  /** @param wanted of the outputs */
  async run(inputs: Inputs, wanted = this.outputNames): Promise<Record<string, HeapTensor>> {
    const { module } = this;
    if (!this.session) throw new Error("the graph was released");
    const borrowed: (() => void)[] = [];
    const stack = module.stackSave();
    try {
      const given = Object.entries(inputs);
      const inputsAt = this.pointers(given.map(([, each]) => this.tensorOf(each, borrowed)));
      const outputsAt = this.pointers(wanted.map(() => 0));
      const failed = module._OrtRun(
        this.session,
        this.pointers(given.map(([name]) => this.nameOf(name))),
        inputsAt,
        given.length,
        this.pointers(wanted.map((name) => this.nameOf(name))),
        wanted.length,
        outputsAt,
        0,
      );
      if (failed) throw lastError(module, "the graph does not run");
      return Object.fromEntries(
        wanted.map((name, index) => [
          name,
          new HeapTensor(module, module.getValue(outputsAt + 4 * index, "*")),
        ]),
      );
    } finally {
      for (const giveBack of borrowed) giveBack();
      module.stackRestore(stack);
    }
  }

  async release(): Promise<void> {
    this.free();
  }

  private free(): void {
    for (const name of this.names.values()) this.module._OrtFree(name);
    this.names.clear();
    if (this.session) this.module._OrtReleaseSession(this.session);
    this.session = 0;
  }

  private readNames(): [inputs: string[], outputs: string[]] {
    const { module, session, names } = this;
    const stack = module.stackSave();
    try {
      const at = module.stackAlloc(8);
      const read = (from: number, count: number) =>
        Array.from({ length: count }, (_, index) => {
          const failed = module._OrtGetInputOutputMetadata(session, from + index, at, at + 4);
          if (failed) throw lastError(module, "the graph's inputs and outputs cannot be read");
          const pointer = module.getValue(at, "*");
          module._OrtFree(module.getValue(at + 4, "*"));
          const name = module.UTF8ToString(pointer);
          names.set(name, pointer);
          return name;
        });
      if (module._OrtGetInputOutputCount(session, at, at + 4)) {
        throw lastError(module, "the graph's inputs and outputs cannot be counted");
      }
      const [inputs, outputs] = [module.getValue(at, "*"), module.getValue(at + 4, "*")];
      return [read(0, inputs), read(inputs, outputs)];
    } finally {
      module.stackRestore(stack);
    }
  }

  private nameOf(name: string): Pointer {
    const pointer = this.names.get(name);
    if (!pointer) throw new Error(`the graph has no input ${name}; it has ${this.inputNames.join(", ")}`);
    return pointer;
  }

  /** On the module's stack. */
  private pointers(values: readonly Pointer[]): Pointer {
    const at = this.module.stackAlloc(4 * values.length);
    for (const [index, value] of values.entries()) this.module.setValue(at + 4 * index, value, "*");
    return at;
  }

  private tensorOf(given: Inputs[string], borrowed: (() => void)[]): Pointer {
    if (given instanceof HeapTensor && given.module === this.module) return given.pointer;
    if (!("data" in given)) throw new TypeError("the tensor was kept by another runtime");
    return copied(this.module, given, borrowed);
  }
}

function sessionOf(module: OrtModule, graph: Uint8Array): Pointer {
  const model = copiedBytes(module, graph);
  const options = module._OrtCreateSessionOptions(
    ALL_OPTIMISATIONS,
    false,
    false,
    SEQUENTIAL,
    false,
    0,
    0,
    WARNINGS,
    0,
    0,
  );
  try {
    const session = options && module._OrtCreateSession(model, graph.byteLength, options);
    if (!session) throw lastError(module, "the graph does not load");
    return session;
  } finally {
    if (options) module._OrtReleaseSessionOptions(options);
    module._free(model);
  }
}

/** A tensor with the values, until it is given back. */
function copied(module: OrtModule, { data, shape }: Values, borrowed: (() => void)[]): Pointer {
  const at = copiedBytes(module, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  borrowed.push(() => module._free(at));
  const shapeAt = module.stackAlloc(4 * shape.length);
  for (const [index, size] of shape.entries()) module.setValue(shapeAt + 4 * index, size, "i32");
  const type = data instanceof BigInt64Array ? INT64 : FLOAT32;
  const tensor = module._OrtCreateTensor(type, at, data.byteLength, shapeAt, shape.length, ON_CPU);
  if (!tensor) throw lastError(module, `no tensor of shape ${shape.join(" × ")} can be made`);
  borrowed.unshift(() => module._OrtReleaseTensor(tensor)); // before the values that it looks at
  return tensor;
}

function copiedBytes(module: OrtModule, bytes: Uint8Array): Pointer {
  const at = module._malloc(bytes.byteLength);
  if (!at) throw new Error(`the decoder has no memory left for ${bytes.byteLength} bytes`);
  module.HEAPU8.set(bytes, at);
  return at;
}
