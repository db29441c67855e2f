/** Embeddings and a manifest for tests. */

import { EMBEDDING_FORMAT } from "./embedding.ts";
import type { Manifest } from "./manifest.ts";

export const MANIFEST: Manifest = {
  format: 2,
  name: "tiny",
  title: "Tiny",
  weights_sha256: "a".repeat(64),
  preprocessing_version: 1,
  input: { image_size: 64, fit: "pad" },
  features: [{ name: "image_embeddings", channels: 2, height: 1, width: 2 }],
  prompts: { mask: true, padding: "without_box" },
  masks: { count: 4, low_res_size: 8, unambiguous: 0, ambiguous: [1, 2, 3] },
  graphs: {
    prepare: { inputs: ["image_embeddings"], outputs: ["prepared"] },
    decode: { inputs: ["prepared"], outputs: ["low_res_masks", "iou_predictions"] },
  },
};

export const METADATA = {
  format: EMBEDDING_FORMAT,
  model_sha256: MANIFEST.weights_sha256,
  preprocessing_version: "1",
  image_height: "48",
  image_width: "64",
};

export interface TestTensor {
  dtype: string;
  shape: number[];
  values: Float32Array | Uint16Array | Int8Array;
}

/** A safetensors file. */
export function safetensorsFile(
  tensors: Record<string, TestTensor>,
  metadata: Record<string, string> = METADATA,
): ArrayBuffer {
  const header: Record<string, unknown> = { __metadata__: metadata };
  const chunks: Uint8Array[] = [];
  let end = 0;
  for (const [name, { dtype, shape, values }] of Object.entries(tensors)) {
    header[name] = { dtype, shape, data_offsets: [end, end + values.byteLength] };
    chunks.push(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    end += values.byteLength;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const file = new Uint8Array(8 + json.length + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(json, 8);
  let offset = 8 + json.length;
  for (const chunk of chunks) {
    file.set(chunk, offset);
    offset += chunk.length;
  }
  return file.buffer;
}

/** An embedding that fits {@link MANIFEST}. */
export function embeddingFile(metadata: Record<string, string> = METADATA): ArrayBuffer {
  const values = new Uint16Array([0x3c00, 0xc000, 0x0001, 0x7bff]);
  return safetensorsFile({ image_embeddings: { dtype: "F16", shape: [1, 2, 1, 2], values } }, metadata);
}
