import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { embeddingFile, MANIFEST, METADATA, safetensorsFile } from "./embedding.test-support.ts";
import { checkEmbedding, halfToFloat, imageSizeOf, readEmbedding } from "./embedding.ts";
import { DecoderError } from "./errors.ts";
import { parseSafetensors } from "./safetensors.ts";

const SHAPE = [1, 2, 1, 2];
const values = async (file: ArrayBuffer) => (await readEmbedding(file, MANIFEST.features)).image_embeddings!;

describe("an embedding", () => {
  it("is read from fp16, exactly", async () => {
    expect([...(await values(embeddingFile()))]).toEqual([1, -2, 2 ** -24, 65504]);
  });

  it("is read from fp32", async () => {
    const floats = new Float32Array([1.5, -2.25, 3e-9, 7]);
    const file = safetensorsFile({ image_embeddings: { dtype: "F32", shape: SHAPE, values: floats } });
    expect(await values(file)).toEqual(floats);
  });

  it("is read from int8 with a scale per channel", async () => {
    const file = safetensorsFile({
      image_embeddings: { dtype: "I8", shape: SHAPE, values: new Int8Array([127, -127, 4, 0]) },
      "image_embeddings.scale": { dtype: "F32", shape: [2], values: new Float32Array([0.5, 0.25]) },
    });
    expect([...(await values(file))]).toEqual([63.5, -63.5, 1, 0]);
  });

  it("may have several features, each by its name and with its own scales", async () => {
    const features = [
      { name: "coarse", channels: 1, height: 1, width: 2 },
      { name: "fine", channels: 2, height: 2, width: 1 },
    ];
    const file = safetensorsFile({
      "fine.scale": { dtype: "F32", shape: [2], values: new Float32Array([2, 0.5]) },
      fine: { dtype: "I8", shape: [1, 2, 2, 1], values: new Int8Array([1, 2, 3, 4]) },
      coarse: { dtype: "F16", shape: [1, 1, 1, 2], values: new Uint16Array([0x3c00, 0xc000]) },
    });
    expect(await readEmbedding(file, features)).toEqual({
      coarse: new Float32Array([1, -2]),
      fine: new Float32Array([2, 4, 1.5, 2]),
    });
  });

  it.each(["f16", "i8"])("of the first format is still read, from %s", async (dtype) => {
    const path = new URL(`../../../tests/golden/embedding_1_${dtype}.safetensors`, import.meta.url);
    const file = Uint8Array.from(readFileSync(path)).buffer;
    const model = { ...MANIFEST, weights_sha256: "b".repeat(64) };
    expect(() => checkEmbedding(file, model)).not.toThrow();
    const features = [{ name: "image_embeddings", channels: 3, height: 4, width: 5 }];
    const { image_embeddings } = await readEmbedding(file, features);
    const read = image_embeddings!;
    expect(read).toHaveLength(60);
    // what numpy gives by default_rng(11).normal()
    for (const [index, value] of [0.03419, 1.35975].entries()) expect(read[index]).toBeCloseTo(value, 1);
    expect(read[59]).toBeCloseTo(0.34703, 1);
  });

  it("of residuals is read as Python reads it", async () => {
    const path = (kind: string) => new URL(`../../../tests/golden/embedding_3.${kind}`, import.meta.url);
    const file = Uint8Array.from(readFileSync(path("safetensors"))).buffer;
    const expected: Record<string, { shape: [number, number, number]; values: number[] }> = JSON.parse(
      readFileSync(path("json"), "utf8"),
    );
    expect(() => checkEmbedding(file, { ...MANIFEST, weights_sha256: "b".repeat(64) })).not.toThrow();
    const features = Object.entries(expected).map(([name, { shape }]) => {
      const [channels, height, width] = shape;
      return { name, channels, height, width };
    });
    const read = await readEmbedding(file, features);
    for (const [name, { values }] of Object.entries(expected)) {
      expect(read[name]).toHaveLength(values.length);
      expect(read[name]).toEqual(Float32Array.from(values));
    }
    const [first] = features;
    await expect(readEmbedding(file, [{ ...first!, width: 32 }])).rejects.toThrow("needs 2 × 16 × 32");
    const { byteOffset, length } = parseSafetensors(file).tensors.get("coarse.residuals")!.bytes;
    new Uint8Array(file, byteOffset + length / 2).fill(0xff, 0, 8);
    await expect(readEmbedding(file, features)).rejects.toThrow("residuals of coarse are cut or damaged");
  });

  it("tells the size of its image", () => {
    expect(imageSizeOf(embeddingFile())).toEqual({ height: 48, width: 64 });
    const without = embeddingFile({ ...METADATA, image_height: "0" });
    expect(() => imageSizeOf(without)).toThrow("0 × 64");
  });

  it("of this model passes", () => {
    expect(() => checkEmbedding(embeddingFile(), MANIFEST)).not.toThrow();
  });
});

it("converts the special halves", () => {
  const halves = new Uint16Array([0x0000, 0x8000, 0x7c00, 0xfc00, 0x7e00, 0x3555]);
  expect([...halfToFloat(halves)]).toEqual([0, -0, Infinity, -Infinity, Number.NaN, 0.333251953125]);
});

describe("an embedding that does not fit", () => {
  const whole = embeddingFile();
  const int8 = { dtype: "I8", shape: SHAPE, values: new Int8Array(4) };

  it.each([
    ["another model", { ...METADATA, model_sha256: "b".repeat(64) }, "model_mismatch", "bbbbbbbb…"],
    ["other preprocessing", { ...METADATA, preprocessing_version: "2" }, "model_mismatch", "preprocessing 2"],
    ["another format", { ...METADATA, format: "x-1" }, "broken_embedding", "format x-1"],
  ])("because it is of %s is refused", (_, metadata, code, message) => {
    const check = () => checkEmbedding(embeddingFile(metadata), MANIFEST);
    expect(check).toThrow(DecoderError);
    expect(check).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }));
  });

  it.each([
    ["empty", new ArrayBuffer(0), "it has 0 bytes"],
    [
      "an error page",
      new TextEncoder().encode("<html><body>Not found</body>").buffer,
      "longer than the file",
    ],
    ["truncated", whole.slice(0, whole.byteLength - 2), "outside the file"],
    ["without its tensor", safetensorsFile({}), "no tensor image_embeddings"],
    [
      "of another shape",
      safetensorsFile({ image_embeddings: { ...int8, shape: [1, 4, 1, 1] } }),
      "1 × 4 × 1 × 1",
    ],
    ["int8 without scales", safetensorsFile({ image_embeddings: int8 }), "needs 2 float32 scales"],
    ["of a lying size", safetensorsFile({ image_embeddings: { ...int8, dtype: "F32" } }), "has 4 bytes"],
  ])("because it is %s is refused", async (_, file, message) => {
    await expect(values(file)).rejects.toThrow(message);
  });
});
