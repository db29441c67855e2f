/** What the graph is given and what comes of it, with a graph that only notes it. */

import { beforeAll, expect, it } from "vitest";
import { HeapTensor } from "../heap-tensor.ts";
import { ortInNode } from "../ort.test-support.ts";
import type { OrtModule } from "../ort-module.ts";
import type { Graph, Inputs, Values } from "../runtime.ts";
import { isUpscalable, UpscaledGraph } from "./upscaled-graph.ts";
import { type Factors, Upscaling } from "./upscaling.ts";

const BASES = ["upscaled00", "upscaled01", "upscaled10", "upscaled11"];
const FACTORS = ["upscaling_rows", "upscaling_columns", "upscaling_constants", "mask_weights"];
const outputNames = ["low_res_masks", "iou_predictions", ...FACTORS];

let module: OrtModule;

beforeAll(async () => {
  module = await ortInNode();
});

function tensor(shape: readonly number[], value: number): HeapTensor {
  const length = shape.reduce((product, size) => product * size, 1);
  const data = module._malloc(4 * length);
  new Float32Array(module.HEAPU8.buffer, data, length).fill(value);
  const stack = module.stackSave();
  const at = module.stackAlloc(4 * shape.length);
  for (const [index, size] of shape.entries()) module.setValue(at + 4 * index, size, "i32");
  const made = new HeapTensor(module, module._OrtCreateTensor(1, data, 4 * length, at, shape.length, 1));
  module.stackRestore(stack);
  return made;
}

class NotingUpscaling extends Upscaling {
  given: Factors | null = null;

  override run(factors: Factors, logits: HeapTensor): void {
    this.given = factors;
    new Float32Array(module.HEAPU8.buffer, logits.layout.data, 16).fill(7);
  }
}

it("has the graph upscale one cell, gives the kernel the others, and frees what was between them", async () => {
  const bases = BASES.map((_, index) => tensor([16, 3, 5], index));
  const answers = outputNames.map((name) => [name, tensor(name === "low_res_masks" ? [1, 1, 4, 4] : [2], 1)]);
  const outputs: Record<string, HeapTensor> = Object.fromEntries(answers);
  let given: Inputs = {};
  const graph: Graph<HeapTensor> = {
    inputNames: [...BASES, "point_coords"],
    outputNames,
    run: async (inputs) => {
      given = inputs;
      return outputs;
    },
    release: async () => undefined,
  };
  const kernel = new NotingUpscaling(module);
  const upscaled = new UpscaledGraph(graph, kernel);
  const coords: Values = { data: new Float32Array(2), shape: [1, 1, 2] };
  const named = Object.fromEntries(BASES.map((name, index) => [name, bases[index]!]));
  const found = await upscaled.run({ ...named, point_coords: coords });
  for (const name of BASES) expect(given[name]).toEqual({ data: new Float32Array(16), shape: [16, 1, 1] });
  expect(given.point_coords).toBe(coords);
  expect(kernel.given?.bases).toEqual(bases);
  expect(kernel.given?.columns).toBe(outputs.upscaling_columns);
  expect(found).toEqual({
    low_res_masks: new Float32Array(16).fill(7),
    iou_predictions: new Float32Array(2).fill(1),
  });
  for (const output of Object.values(outputs)) expect(() => output.pointer).toThrow("freed");
  for (const base of bases) expect(base.pointer).toBeGreaterThan(0);
  await expect(upscaled.run({ point_coords: coords })).rejects.toThrow(
    "upscaled00 was not prepared by this runtime",
  );
});

it("is for graphs that give all that the kernel takes", () => {
  expect(isUpscalable({ outputNames })).toBe(true);
  expect(isUpscalable({ outputNames: ["low_res_masks", "iou_predictions", "object_score_logits"] })).toBe(
    false,
  );
});
