/**
 * onnxruntime as WebAssembly exports it. onnxruntime-web's own JavaScript is written against these functions
 * (`lib/wasm/wasm-types.ts` there); they are not its public interface, so that package.json pins its version.
 */

import script from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";
import binary from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";

/** An address in the module's memory, or what onnxruntime gave for an object there; 0 for none. */
export type Pointer = number;
type ErrorCode = number; // 0 for success

export interface OrtModule {
  /** What `HEAPU8` shows. Other modules can be given it, too. */
  readonly memory: WebAssembly.Memory;
  /**
   * The module's memory. It is another array once the memory has grown, so read this property each time. Growth that a thread
   * caused shows here only after a call of `getValue`.
   */
  readonly HEAPU8: Uint8Array<ArrayBufferLike>;
  _malloc(size: number): Pointer;
  _free(at: Pointer): void;
  stackSave(): Pointer;
  stackRestore(stack: Pointer): void;
  stackAlloc(size: number): Pointer;
  getValue(at: Pointer, type: "i32" | "*"): number;
  setValue(at: Pointer, value: number, type: "i32" | "*"): void;
  UTF8ToString(at: Pointer): string;

  _OrtInit(threads: number, loggingLevel: number): ErrorCode;
  _OrtGetLastError(code: Pointer, message: Pointer): void;
  _OrtCreateSessionOptions(
    graphOptimizationLevel: number,
    enableCpuMemArena: boolean,
    enableMemPattern: boolean,
    executionMode: number,
    enableProfiling: boolean,
    profileFilePrefix: Pointer,
    logId: Pointer,
    logSeverityLevel: number,
    logVerbosityLevel: number,
    optimizedModelFilePath: Pointer,
  ): Pointer;
  _OrtReleaseSessionOptions(options: Pointer): ErrorCode;
  _OrtCreateSession(model: Pointer, size: number, options: Pointer): Pointer;
  _OrtReleaseSession(session: Pointer): ErrorCode;
  _OrtGetInputOutputCount(session: Pointer, inputs: Pointer, outputs: Pointer): ErrorCode;
  /** Inputs first, then outputs. Name and description are to be freed. */
  _OrtGetInputOutputMetadata(session: Pointer, index: number, name: Pointer, description: Pointer): ErrorCode;
  _OrtFree(at: Pointer): ErrorCode;
  /** The tensor is a view: what is at `data` must outlive it. */
  _OrtCreateTensor(
    type: number,
    data: Pointer,
    size: number,
    shape: Pointer,
    dimensions: number,
    location: number,
  ): Pointer;
  /** The shape is to be freed. */
  _OrtGetTensorData(
    tensor: Pointer,
    type: Pointer,
    data: Pointer,
    shape: Pointer,
    dimensions: Pointer,
  ): ErrorCode;
  _OrtReleaseTensor(tensor: Pointer): ErrorCode;
  _OrtRun(
    session: Pointer,
    inputNames: Pointer,
    inputs: Pointer,
    inputCount: number,
    outputNames: Pointer,
    outputCount: number,
    outputs: Pointer,
    options: Pointer,
  ): ErrorCode;
}

const WARNINGS = 2; // and errors are logged

interface Settings {
  readonly numThreads: number;
  /** https://emscripten.org/docs/api_reference/module.html#Module.instantiateWasm */
  instantiateWasm(
    imports: WebAssembly.Imports,
    receive: (instance: WebAssembly.Instance, module: WebAssembly.Module) => void,
  ): void;
}

type Factory = (settings: Settings) => Promise<Omit<OrtModule, "memory">>;

interface Files {
  /** Address of the module's JavaScript. */
  readonly script: string;
  readonly compile: () => Promise<WebAssembly.Module>;
}

const OF_PAGE: Files = { script, compile: () => WebAssembly.compileStreaming(fetch(binary)) };

/** A module of its own, with `threads` threads: more than one need a page that is cross-origin isolated. */
export async function startOrt(threads: number, files = OF_PAGE): Promise<OrtModule> {
  const compiled = await files.compile();
  // A file of its own: bundled, its threads would start this worker's code again.
  const { default: factory } = (await import(/* @vite-ignore */ files.script)) as { default: Factory };
  let memory: WebAssembly.Memory | undefined;
  const started = await factory({
    numThreads: threads,
    instantiateWasm: (imports, receive) => {
      memory = memoryOf(imports);
      receive(new WebAssembly.Instance(compiled, imports), compiled);
    },
  });
  const module: OrtModule = Object.assign(started, { memory: memory! });
  if (module._OrtInit(threads, WARNINGS) !== 0) throw lastError(module, "onnxruntime does not start");
  return module;
}

/** The module takes its memory as an import, and does not show it otherwise. */
function memoryOf(imports: WebAssembly.Imports): WebAssembly.Memory {
  const memory = Object.values(imports)
    .flatMap((each) => Object.values(each))
    .find((value) => value instanceof WebAssembly.Memory);
  if (!memory) throw new Error("onnxruntime takes no memory");
  return memory;
}

/** Why the call before it failed. */
export function lastError(module: OrtModule, what: string): Error {
  const stack = module.stackSave();
  const at = module.stackAlloc(8);
  module._OrtGetLastError(at, at + 4);
  const message = module.getValue(at + 4, "*");
  const reason = message ? module.UTF8ToString(message) : `error ${module.getValue(at, "i32")}`;
  module.stackRestore(stack);
  return new Error(`${what}: ${reason}`);
}
