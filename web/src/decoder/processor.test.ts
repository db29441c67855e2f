import { beforeAll, expect, it } from "vitest";
import { graphOf } from "./onnx.test-support.ts";
import { ortInNode } from "./ort.test-support.ts";
import type { OrtModule } from "./ort-module.ts";
import { runtimeOf } from "./processor.ts";
import type { Runtime, Values } from "./runtime.ts";

const SUM = graphOf("Add", ["a", "b"], "sum");
const PRODUCT = graphOf("Mul", ["sum", "c"], "product");

let module: OrtModule;
let runtime: Runtime;

beforeAll(async () => {
  module = await ortInNode();
  runtime = runtimeOf(module, 1);
});

const values = (...data: number[]): Values => ({ data: Float32Array.from(data), shape: [data.length] });

it("runs a graph on given values and gives new ones", async () => {
  const sum = await runtime.load(SUM);
  expect([sum.inputNames, sum.outputNames]).toEqual([["a", "b"], ["sum"]]);
  const found = await sum.run({ a: values(1, 2, 3), b: values(10, 20, 30) });
  await sum.run({ a: values(0, 0, 0), b: values(0, 0, 0) });
  expect(found).toEqual({ sum: Float32Array.of(11, 22, 33) });
  await sum.release();
  await sum.release();
  await expect(sum.run({ a: values(1), b: values(2) })).rejects.toThrow("the graph was released");
});

it("keeps a tensor for as many runs of another graph as it is wanted for", async () => {
  const [sum, product] = [await runtime.loadKeeping(SUM), await runtime.load(PRODUCT)];
  const kept = await sum.run({ a: values(1, 2), b: values(10, 20) });
  const other = await sum.run({ a: values(0, 0), b: values(1, 1) });
  for (const factor of [2, 3]) {
    const found = await product.run({ ...kept, c: values(factor, factor) });
    expect([...found.product!]).toEqual([11 * factor, 22 * factor]);
  }
  kept.sum!.dispose();
  kept.sum!.dispose();
  await expect(product.run({ ...kept, c: values(1, 1) })).rejects.toThrow("freed");
  expect([...(await product.run({ ...other, c: values(5, 5) })).product!]).toEqual([5, 5]);
});

it("says what is wrong with a graph and with what it is given", async () => {
  await expect(runtime.load(Uint8Array.of(1, 2, 3))).rejects.toThrow("the graph does not load: ");
  const sum = await runtime.load(SUM);
  await expect(sum.run({ a: values(1) })).rejects.toThrow("the graph does not run: ");
  await expect(sum.run({ a: values(1), c: values(1) })).rejects.toThrow("no input c; it has a, b");
  await expect(sum.run({ a: values(1, 2, 3), b: values(1, 2) })).rejects.toThrow("the graph does not run: ");
  const elsewhere = { dispose: () => undefined };
  await expect(sum.run({ a: elsewhere, b: values(1) })).rejects.toThrow("another runtime");
  const ragged = { data: Float32Array.of(1, 2, 3), shape: [2, 2] };
  await expect(sum.run({ a: ragged, b: ragged })).rejects.toThrow("shape 2 × 2");
});

it("needs no more memory for many runs than for one", async () => {
  const [sum, product] = [await runtime.loadKeeping(SUM), await runtime.load(PRODUCT)];
  const large = { data: new Float32Array(1 << 20), shape: [1 << 20] }; // 4 MB
  const click = async () => {
    const kept = await sum.run({ a: large, b: large });
    await product.run({ ...kept, c: large });
    kept.sum!.dispose();
    await product.run({ sum: large, c: values(1, 2) }).catch(() => undefined); // a run that fails gives back, too
  };
  await click();
  const { length } = module.HEAPU8;
  for (let index = 0; index < 50; index++) await click();
  expect(module.HEAPU8.length).toBe(length);
});
