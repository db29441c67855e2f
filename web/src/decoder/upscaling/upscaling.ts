/** The kernel that upscales masks, in the memory of onnxruntime's module. */

import type { HeapTensor, Layout } from "../heap-tensor.ts";
import type { OrtModule, Pointer } from "../ort-module.ts";
import kernelBytes from "./kernel/upscale.ts?assembly";

interface Kernel {
  workBytes(task: Pointer): number;
  upscale(task: Pointer): void;
}

/** What SAM's decoder leaves of one prompt: `Answer` of `server/limner/sam/factored/decoder.py`. */
export interface Factors {
  /** Four of (coarse, validHeight, validWidth). */
  readonly bases: readonly HeapTensor[];
  /** (R, height · width), of which the first `rank` count */
  readonly rows: HeapTensor;
  /** (4 coarse, rank) */
  readonly columns: HeapTensor;
  readonly constants: HeapTensor;
  /** (masks, fine) */
  readonly weights: HeapTensor;
}

export class Upscaling {
  private readonly kernel: Kernel;

  constructor(private readonly module: OrtModule) {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(kernelBytes), {
      env: { memory: module.memory },
    });
    this.kernel = exports as unknown as Kernel;
  }

  /** @param logits (1, masks, 4 height, 4 width), written over */
  run({ bases, rows, columns, constants, weights }: Factors, logits: HeapTensor): void {
    const [coarse, validHeight, validWidth] = shapeOf(bases[0]!.layout, 3);
    const [, rank] = shapeOf(columns.layout, 2);
    const [masks, fine] = shapeOf(weights.layout, 2);
    const [, , height, width] = shapeOf(logits.layout, 4);
    if (coarse % 4 || fine % 4) {
      throw new Error(
        `masks of ${coarse} and ${fine} channels cannot be upscaled: both must be multiples of 4`,
      );
    }
    const addresses = [...bases, rows, columns, constants, weights, logits].map(({ layout }) => layout.data);
    const sizes = [coarse, fine, rank, masks, height / 4, width / 4, validHeight, validWidth];
    const task = [...addresses, ...sizes, 0]; // and where the kernel may work
    const { module, kernel } = this;
    const stack = module.stackSave();
    let work: Pointer = 0;
    try {
      const at = module.stackAlloc(4 * task.length);
      for (const [index, value] of task.entries()) module.setValue(at + 4 * index, value, "*");
      work = module._malloc(kernel.workBytes(at));
      if (!work) throw new Error("the decoder has no memory left to upscale masks");
      module.setValue(at + 4 * (task.length - 1), work, "*");
      kernel.upscale(at);
    } finally {
      module._free(work);
      module.stackRestore(stack);
    }
  }
}

function shapeOf({ shape }: Layout, dimensions: 2): [number, number];
function shapeOf({ shape }: Layout, dimensions: 3): [number, number, number];
function shapeOf({ shape }: Layout, dimensions: 4): [number, number, number, number];
function shapeOf({ shape }: Layout, dimensions: number): number[] {
  if (shape.length !== dimensions) {
    throw new Error(
      `a tensor of ${dimensions} dimensions was to be upscaled, not one of ${shape.join(" × ")}`,
    );
  }
  return [...shape];
}
