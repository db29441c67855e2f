/** A tensor in the memory of onnxruntime's module. */

import { lastError, type OrtModule, type Pointer } from "./ort-module.ts";
import type { KeptTensor } from "./runtime.ts";

export const FLOAT32 = 1; // as onnxruntime numbers it

/** Where a tensor's values are, as float32, and its shape. */
export interface Layout {
  readonly data: Pointer;
  readonly shape: readonly number[];
}

export class HeapTensor implements KeptTensor {
  constructor(
    readonly module: OrtModule,
    private tensor: Pointer,
  ) {}

  get pointer(): Pointer {
    if (!this.tensor) throw new Error("the tensor was freed");
    return this.tensor;
  }

  get layout(): Layout {
    const { module } = this;
    const stack = module.stackSave();
    try {
      const at = module.stackAlloc(16);
      if (module._OrtGetTensorData(this.pointer, at, at + 4, at + 8, at + 12)) {
        throw lastError(module, "what the graph gave cannot be read");
      }
      const [type, data, sizes, dimensions] = [0, 4, 8, 12].map((offset) =>
        module.getValue(at + offset, "*"),
      );
      const shape = Array.from({ length: dimensions! }, (_, index) =>
        module.getValue(sizes! + 4 * index, "*"),
      );
      module._OrtFree(sizes!);
      if (type !== FLOAT32) throw new Error(`the graph gave numbers of type ${type}, not float32`);
      return { data: data!, shape };
    } finally {
      module.stackRestore(stack);
    }
  }

  /** A copy. */
  values(): Float32Array {
    const { data, shape } = this.layout;
    const length = shape.reduce((product, size) => product * size, 1);
    return new Float32Array(this.module.HEAPU8.buffer, data, length).slice();
  }

  dispose(): void {
    if (this.tensor) this.module._OrtReleaseTensor(this.tensor);
    this.tensor = 0;
  }
}
