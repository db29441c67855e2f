/** What is prepared when, with graphs that only say what they were given. */

import { beforeEach, expect, it } from "vitest";
import { embeddingFile, MANIFEST } from "./embedding.test-support.ts";
import { DecoderGraphs } from "./graphs.ts";
import type { Manifest } from "./manifest.ts";
import type { Graph, Inputs, KeptTensor, Runtime, Values } from "./runtime.ts";

const ASKED = { pointCoords: new Float32Array(4), pointLabels: new Float32Array([1, -1]), mask: null };

let done: string[];
let kept: number; // tensors that were not freed

/** Says of itself whether it was made by a `prepare` that did everything. */
class Prepared implements KeptTensor {
  constructor(readonly whole: boolean) {
    kept += 1;
  }

  dispose(): void {
    kept -= 1;
  }
}

function graphOf<Output>(
  names: { inputs: readonly string[]; outputs: readonly string[] },
  run: (inputs: Inputs) => Output,
): Graph<Output> {
  return {
    inputNames: names.inputs,
    outputNames: names.outputs,
    run: async (inputs) => {
      const output = run(inputs);
      return Object.fromEntries(names.outputs.map((name) => [name, output]));
    },
    release: async () => undefined,
  };
}

function runtimeFor(manifest: Manifest, provider: "wasm" | "webgpu" = "wasm"): Runtime {
  return {
    provider,
    loadKeeping: async () =>
      graphOf(manifest.graphs.prepare, (inputs) => {
        expect(Object.keys(inputs).sort()).toEqual([...manifest.graphs.prepare.inputs].sort());
        const whole = (inputs.whole as Values | undefined)?.data[0] !== 0n;
        done.push(whole ? "prepare" : "prepare some");
        return new Prepared(whole);
      }),
    load: async () =>
      graphOf(manifest.graphs.decode, (inputs) => {
        done.push((inputs.prepared as Prepared).whole ? "answer" : "slow answer");
        return new Float32Array(1);
      }),
  };
}

const { prepare, decode } = MANIFEST.graphs;
const LEAVING_OUT: Manifest = {
  ...MANIFEST,
  graphs: { prepare: { ...prepare, inputs: ["image_embeddings", "valid_size", "whole"] }, decode },
};
const load = (manifest: Manifest, provider?: "wasm" | "webgpu") =>
  DecoderGraphs.load(runtimeFor(manifest, provider), manifest, new Uint8Array(), new Uint8Array());

beforeEach(() => {
  done = [];
  kept = 0;
});

it("prepares no more than the first answer needs, and the rest when there is time", async () => {
  const graphs = await load(LEAVING_OUT);
  await graphs.prepare(embeddingFile());
  await graphs.decode(ASKED);
  expect(graphs.whole).toBe(false);
  await graphs.complete();
  await graphs.complete();
  expect(graphs.whole).toBe(true);
  await graphs.decode(ASKED);
  expect(done).toEqual(["prepare some", "slow answer", "prepare", "answer"]);
  expect(kept).toBe(1);
  graphs.close();
  expect(kept).toBe(0);
});

it("prepares the rest before a third answer, even when there is no time", async () => {
  const graphs = await load(LEAVING_OUT);
  for (let image = 0; image < 2; image++) {
    await graphs.prepare(embeddingFile());
    for (let answer = 0; answer < 4; answer++) await graphs.decode(ASKED);
    const each = ["prepare some", "slow answer", "slow answer", "prepare", "answer", "answer"];
    expect(done.splice(0)).toEqual(each);
  }
});

it("prepares everything ahead, and of an open image before the graphs are warmed up", async () => {
  const graphs = await load(LEAVING_OUT);
  await graphs.prepareAhead(embeddingFile());
  await graphs.prepare(embeddingFile());
  await graphs.warmUp();
  graphs.openAhead();
  await graphs.decode(ASKED);
  expect(done).toEqual(["prepare", "prepare some", "prepare", "answer", "answer"]);
});

it("prepares everything at once with a graph that cannot leave anything out, and on a graphics card", async () => {
  for (const graphs of [await load(MANIFEST), await load(LEAVING_OUT, "webgpu")]) {
    await graphs.prepare(embeddingFile());
    expect(graphs.whole).toBe(true);
    await graphs.decode(ASKED);
    expect(done.splice(0)).toEqual(["prepare", "answer"]);
  }
});
