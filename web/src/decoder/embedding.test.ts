import { describe, expect, it } from "vitest";
import { embeddingFile, MANIFEST, METADATA, safetensorsFile } from "./embedding.test-support.ts";
import { checkEmbedding, halfToFloat, imageSizeOf, readEmbedding } from "./embedding.ts";
import { DecoderError } from "./errors.ts";

const SHAPE = [1, 2, 1, 2];

describe("an embedding", () => {
  it("is read from fp16, exactly", () => {
    expect([...readEmbedding(embeddingFile(), MANIFEST.embedding)]).toEqual([1, -2, 2 ** -24, 65504]);
  });

  it("is read from fp32", () => {
    const values = new Float32Array([1.5, -2.25, 3e-9, 7]);
    const file = safetensorsFile({ image_embeddings: { dtype: "F32", shape: SHAPE, values } });
    expect(readEmbedding(file, MANIFEST.embedding)).toEqual(values);
  });

  it("is read from int8 with a scale per channel", () => {
    const file = safetensorsFile({
      image_embeddings: { dtype: "I8", shape: SHAPE, values: new Int8Array([127, -127, 4, 0]) },
      scale: { dtype: "F32", shape: [2], values: new Float32Array([0.5, 0.25]) },
    });
    expect([...readEmbedding(file, MANIFEST.embedding)]).toEqual([63.5, -63.5, 1, 0]);
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
  const values = new Int8Array(4);
  const int8 = { dtype: "I8", shape: SHAPE, values };

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
  ])("because it is %s is refused", (_, file, message) => {
    expect(() => readEmbedding(file, MANIFEST.embedding)).toThrow(message);
  });
});
