/** A family unlike SAM's, in the browser's decoder: two features, stretched, three masks. Python wrote the files. */

import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { type ImageBox, ImageGeometry, imagePoint } from "../core/geometry.ts";
import { maskFromLogits } from "../core/mask.ts";
import { chooseMask, masksToOffer, modelInputs, type PointLabel, type Prompts } from "../core/prompts.ts";
import { decode, type Rle } from "../core/rle.ts";
import { checkEmbedding } from "./embedding.ts";
import { DecoderGraphs } from "./graphs.ts";
import type { Manifest } from "./manifest.ts";
import { ortInNode } from "./ort.test-support.ts";
import { runtimeOf } from "./processor.ts";

const FILES = new URL("../../../tests/golden/made_up/", import.meta.url);

interface Case {
  height: number;
  width: number;
  points: [number, number][];
  labels: PointLabel[];
  box: ImageBox | null;
  iou_predictions: number[];
  chosen: number;
  mask: Rle;
}

const bytes = (file: string) => Uint8Array.from(readFileSync(new URL(file, FILES)));
const json = (file: string) => JSON.parse(readFileSync(new URL(file, FILES), "utf8"));

const manifest: Manifest = json("manifest.json");
const { cases }: { cases: Case[] } = json("answers.json");
let graphs: DecoderGraphs;

beforeAll(async () => {
  const embedding = bytes("embedding.safetensors").buffer;
  checkEmbedding(embedding, manifest);
  graphs = await DecoderGraphs.load(
    runtimeOf(await ortInNode(), 1),
    manifest,
    bytes("prepare.onnx"),
    bytes("decode.onnx"),
  );
  await graphs.warmUp();
  await graphs.prepare(embedding);
});

it("gives the same for an image that was prepared ahead", async () => {
  const asked = { pointCoords: new Float32Array([9, 7]), pointLabels: new Float32Array([1]), mask: null };
  const before = await graphs.decode(asked);
  await graphs.prepareAhead(bytes("embedding.safetensors").buffer);
  expect((await graphs.decode(asked)).lowRes).toEqual(before.lowRes); // of the image that is open
  graphs.close();
  await expect(graphs.decode(asked)).rejects.toThrow("No image is open.");
  expect(graphs.openAhead()).toBeGreaterThan(0);
  const after = await graphs.decode(asked);
  expect([after.lowRes, after.iou]).toEqual([before.lowRes, before.iou]);
  expect(graphs.openAhead()).toBeNull();
  expect((await graphs.decode(asked)).lowRes).toEqual(before.lowRes);
});

describe.each(cases)("points $points, box $box", (golden) => {
  const prompts: Prompts = {
    points: golden.points.map(([x, y], index) => ({ at: imagePoint(x, y), label: golden.labels[index]! })),
    box: golden.box,
    mask: null,
  };

  it("give the mask that torch gave", async () => {
    const geometry = new ImageGeometry(golden, manifest.input);
    const inputs = modelInputs(prompts, geometry, manifest.prompts);
    const { lowRes, iou, masks } = await graphs.decode({ ...inputs, mask: null });
    golden.iou_predictions.forEach((value, index) => {
      expect(iou[index]).toBeCloseTo(value, 4);
    });
    const chosen = chooseMask(iou, prompts, masks);
    expect(chosen).toBe(golden.chosen);
    const cells = masks.low_res_size;
    const mask = maskFromLogits({ data: lowRes, offset: chosen * cells ** 2 }, geometry, cells);
    expect(decode(mask!)).toEqual(decode(golden.mask));
  });

  it("offer the masks that are for them", () => {
    const lone = prompts.points.length === 1 && !prompts.box;
    expect(masksToOffer(prompts, manifest.masks)).toEqual(lone ? [0, 1] : [0, 1, 2]);
  });
});
