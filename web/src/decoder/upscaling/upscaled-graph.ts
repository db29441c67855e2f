/**
 * A `decode` whose masks the page's own kernel makes. The graph makes them too, for runtimes that have only it: here it is given a
 * single cell to upscale, which costs nothing, and the kernel takes what it would have upscaled.
 */

import { HeapTensor } from "../heap-tensor.ts";
import type { Graph, Inputs, Values } from "../runtime.ts";
import type { Upscaling } from "./upscaling.ts";

const BASES = ["upscaled00", "upscaled01", "upscaled10", "upscaled11"];
const FACTORS = ["upscaling_rows", "upscaling_columns", "upscaling_constants", "mask_weights"] as const;
const MASKS = "low_res_masks";

/** Of a graph's outputs those that are for the page; the others are for the kernel. */
export function answersOf(outputNames: readonly string[]): readonly string[] {
  return outputNames.filter((name) => !(FACTORS as readonly string[]).includes(name));
}

/** Whether a graph gives what the kernel takes. */
export function isUpscalable({ outputNames }: Pick<Graph<unknown>, "outputNames">): boolean {
  return FACTORS.every((name) => outputNames.includes(name));
}

export class UpscaledGraph implements Graph<Float32Array> {
  constructor(
    private readonly graph: Graph<HeapTensor>,
    private readonly upscaling: Upscaling,
  ) {}

  get inputNames(): readonly string[] {
    return this.graph.inputNames;
  }

  get outputNames(): readonly string[] {
    return this.graph.outputNames;
  }

  async run(inputs: Inputs): Promise<Record<string, Float32Array>> {
    const bases = BASES.map((name) => {
      const base = inputs[name];
      if (base instanceof HeapTensor) return base;
      throw new TypeError(`${name} was not prepared by this runtime`);
    });
    const oneCell = oneCellOf(bases[0]!);
    const tensors = await this.graph.run({
      ...inputs,
      ...Object.fromEntries(BASES.map((name) => [name, oneCell])),
    });
    try {
      const [rows, columns, constants, weights] = FACTORS.map((name) => tensors[name]!);
      const factors = { bases, rows: rows!, columns: columns!, constants: constants!, weights: weights! };
      this.upscaling.run(factors, tensors[MASKS]!);
      const answers = answersOf(this.outputNames);
      return Object.fromEntries(answers.map((name) => [name, tensors[name]!.values()]));
    } finally {
      for (const tensor of Object.values(tensors)) tensor.dispose();
    }
  }

  release(): Promise<void> {
    return this.graph.release();
  }
}

function oneCellOf({ layout }: HeapTensor): Values {
  const channels = layout.shape[0]!;
  return { data: new Float32Array(channels), shape: [channels, 1, 1] };
}
