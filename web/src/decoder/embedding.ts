/** The encoder's features as they travel: each by its name, as fp32, fp16, int8 with one scale per channel, or as residuals. */

import type { ImageSize } from "../core/geometry.ts";
import { DecoderError } from "./errors.ts";
import type { FeatureSpec } from "./manifest.ts";
import { decompressed, unfold } from "./residuals.ts";
import { parseSafetensors, type TensorView } from "./safetensors.ts";

export const EMBEDDING_FORMAT = "limner-embedding-2";
/** Of features as compressed residuals. */
const PACKED_FORMAT = "limner-embedding-3";
/** Knew `image_embeddings` only, and called its scales `scale`. Servers keep what was written so. */
const ONE_TENSOR_FORMAT = "limner-embedding-1";

/** What an embedding must match; a part of the manifest. */
export interface EmbeddingSpec {
  readonly title: string;
  readonly weights_sha256: string;
  readonly preprocessing_version: number;
}

/**
 * Check an embedding against the model that is to read it. Reads the header only.
 * @throws DecoderError `model_mismatch` or `broken_embedding`
 */
export function checkEmbedding(buffer: ArrayBuffer, model: EmbeddingSpec): void {
  const { metadata } = parseSafetensors(buffer);
  if (![EMBEDDING_FORMAT, PACKED_FORMAT, ONE_TENSOR_FORMAT].includes(metadata.format ?? "")) {
    throw new DecoderError(
      "broken_embedding",
      `The embedding has the format ${metadata.format ?? "unknown"}; this page reads ${EMBEDDING_FORMAT}.`,
    );
  }
  if (metadata.model_sha256 !== model.weights_sha256) {
    throw new DecoderError(
      "model_mismatch",
      `The embedding was made by the model ${short(metadata.model_sha256)}, the decoder is that of ${model.title} ` +
        `(${short(model.weights_sha256)}). Reload the page to use the server's current model.`,
    );
  }
  if (metadata.preprocessing_version !== String(model.preprocessing_version)) {
    throw new DecoderError(
      "model_mismatch",
      `The embedding was made with preprocessing ${metadata.preprocessing_version}, the decoder expects ` +
        `${model.preprocessing_version}. Reload the page to use the server's current model.`,
    );
  }
}

/**
 * The features by name, each as float32 (channels, height, width).
 * @throws DecoderError `broken_embedding`
 */
export async function readEmbedding(
  buffer: ArrayBuffer,
  features: readonly FeatureSpec[],
): Promise<Readonly<Record<string, Float32Array>>> {
  const { metadata, tensors } = parseSafetensors(buffer);
  const scalesOf = metadata.format === ONE_TENSOR_FORMAT ? () => "scale" : (name: string) => `${name}.scale`;
  const values = await Promise.all(
    features.map(async (spec) => {
      const residuals = tensors.get(`${spec.name}.residuals`);
      const found = residuals
        ? await readResiduals(spec, residuals, tensors)
        : readFeature(spec, tensors, tensors.get(scalesOf(spec.name)));
      return [spec.name, found] as const;
    }),
  );
  return Object.fromEntries(values);
}

async function readResiduals(
  { name, channels, height, width }: FeatureSpec,
  residuals: TensorView,
  tensors: ReadonlyMap<string, TensorView>,
): Promise<Float32Array> {
  const [shape, step, predicted, large] = ["shape", "step", "predicted", "large"].map((part) =>
    tensors.get(`${name}.${part}`),
  );
  const sizes = shape?.dtype === "I32" ? [...new Int32Array(copied(shape))] : [];
  const fits =
    sizes.join() === [channels, height, width].join() &&
    step?.dtype === "F32" &&
    step.shape.join() === "1" &&
    predicted?.shape.join() === String(channels);
  if (!fits) {
    throw new DecoderError(
      "broken_embedding",
      `The embedding has residuals of ${name} of the shape ${sizes.join(" × ")}, or says too little of them; ` +
        `the model needs ${channels} × ${height} × ${width}.`,
    );
  }
  const count = channels * height * width;
  const folded = await decompressed(residuals.bytes as Uint8Array<ArrayBuffer>, count).catch(
    (error: unknown) => {
      throw new DecoderError("broken_embedding", `The residuals of ${name} are cut or damaged.`, {
        cause: error,
      });
    },
  );
  const values =
    folded &&
    unfold({
      channels,
      height,
      width,
      folded,
      predicted: predicted.bytes,
      large: large ? new Int32Array(copied(large)) : new Int32Array(),
      step: new Float32Array(copied(step))[0]!,
    });
  if (!values) {
    throw new DecoderError(
      "broken_embedding",
      `The embedding has more or fewer residuals of ${name}, or large ones, than the model needs (${count}).`,
    );
  }
  return values;
}

function readFeature(
  { name, channels, height, width }: FeatureSpec,
  tensors: ReadonlyMap<string, TensorView>,
  scale: TensorView | undefined,
): Float32Array {
  const tensor = tensors.get(name);
  const shape = [1, channels, height, width];
  if (tensor?.shape.join() !== shape.join()) {
    const found = tensor ? `${name} of the shape ${tensor.shape.join(" × ")}` : `no tensor ${name}`;
    throw new DecoderError(
      "broken_embedding",
      `The embedding has ${found}; the model needs ${shape.join(" × ")}.`,
    );
  }
  switch (tensor.dtype) {
    case "F32":
      return new Float32Array(copied(tensor));
    case "F16":
      return halfToFloat(new Uint16Array(copied(tensor)));
    case "I8":
      return scaled(new Int8Array(copied(tensor)), scale, channels);
    default:
      throw new DecoderError(
        "broken_embedding",
        `The embedding is ${tensor.dtype}; this page reads F32, F16 and I8.`,
      );
  }
}

/**
 * Size of what an embedding was made from: an image, or a region of one.
 * @throws DecoderError `broken_embedding`
 */
export function imageSizeOf(buffer: ArrayBuffer): ImageSize {
  const { image_height, image_width, region } = parseSafetensors(buffer).metadata;
  const [width, height] = (region ? region.split(",").slice(2) : [image_width, image_height]).map(Number) as [
    number,
    number,
  ];
  if (!(height >= 1 && width >= 1)) {
    throw new DecoderError(
      "broken_embedding",
      `The embedding is of an image of ${height} × ${width} pixels, which cannot be.`,
    );
  }
  return { height, width };
}

function scaled(values: Int8Array, scale: TensorView | undefined, channels: number): Float32Array {
  if (scale?.dtype !== "F32" || scale.shape.join() !== String(channels)) {
    throw new DecoderError("broken_embedding", `An int8 embedding needs ${channels} float32 scales.`);
  }
  const scales = new Float32Array(copied(scale));
  const perChannel = values.length / channels;
  const floats = new Float32Array(values.length);
  for (let channel = 0, index = 0; channel < channels; channel++) {
    const factor = scales[channel]!;
    for (const end = index + perChannel; index < end; index++) floats[index] = values[index]! * factor;
  }
  return floats;
}

function copied(tensor: TensorView): ArrayBuffer {
  return tensor.bytes.slice().buffer;
}

/** IEEE 754 binary16 -> binary32, exact. */
export function halfToFloat(halves: Uint16Array): Float32Array {
  table ??= Float32Array.from({ length: 1 << 16 }, (_, bits) => valueOfHalf(bits));
  const floats = new Float32Array(halves.length);
  for (let index = 0; index < halves.length; index++) floats[index] = table[halves[index]!]!;
  return floats;
}

/** There are only 65,536 halves: each is worked out once. */
let table: Float32Array | null = null;

function valueOfHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function short(sha256: string | undefined): string {
  return sha256 ? `${sha256.slice(0, 8)}…` : "unknown";
}
