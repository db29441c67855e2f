/** The two ONNX graphs of one model: `prepare` runs once per image, `decode` on every prompt. Lives in the worker. */

import { InferenceSession, Tensor } from "onnxruntime-web/wasm";
import { ImageGeometry } from "../core/geometry.ts";
import { neededCells } from "../core/logits.ts";
import type { ModelInputs } from "../core/prompts.ts";
import type { Decoded, Manifest } from "../session/types.ts";
import { imageSizeOf, readEmbedding } from "./embedding.ts";
import { DecoderError } from "./errors.ts";

export interface DecodeInputs extends ModelInputs {
  /** Logits (low_res_size²), null for none. */
  readonly mask: Float32Array | null;
}

export class DecoderGraphs {
  private prepared: Record<string, Tensor> | null = null;
  private readonly noMask: Tensor;

  private constructor(
    private readonly manifest: Manifest,
    private readonly prepareSession: InferenceSession,
    private readonly decodeSession: InferenceSession,
  ) {
    this.noMask = this.maskTensor(new Float32Array(manifest.low_res_size ** 2));
  }

  /** @throws when a graph does not load or does not take and give what the manifest says */
  static async load(manifest: Manifest, prepare: Uint8Array, decode: Uint8Array): Promise<DecoderGraphs> {
    const options: InferenceSession.SessionOptions = {
      executionProviders: ["wasm"],
      graphOptimizationLevel: "all",
    };
    const sessions = [
      await InferenceSession.create(prepare, options),
      await InferenceSession.create(decode, options),
    ] as const;
    checkNames("prepare", sessions[0], manifest.graphs.prepare);
    checkNames("decode", sessions[1], manifest.graphs.decode);
    const graphs = new DecoderGraphs(manifest, ...sessions);
    await graphs.warmUp();
    return graphs;
  }

  /** Make this the image that {@link decode} answers for. The prepared tensors of the one before are dropped. */
  async prepare(embedding: ArrayBuffer): Promise<number> {
    const geometry = new ImageGeometry(imageSizeOf(embedding), this.manifest.input.image_size);
    return this.prepareValues(readEmbedding(embedding, this.manifest.embedding), geometry);
  }

  private async prepareValues(values: Float32Array, geometry: ImageGeometry): Promise<number> {
    this.close();
    const { low_res_size, embedding } = this.manifest;
    const { channels, height, width } = embedding;
    const valid = neededCells(geometry, low_res_size, height);
    const start = performance.now();
    this.prepared = await this.prepareSession.run(
      only(this.manifest.graphs.prepare.inputs, {
        image_embeddings: new Tensor("float32", values, [1, channels, height, width]),
        valid_size: new Tensor("int64", BigInt64Array.of(BigInt(valid.height), BigInt(valid.width)), [2]),
      }),
    );
    return performance.now() - start;
  }

  close(): void {
    for (const tensor of Object.values(this.prepared ?? {})) tensor.dispose();
    this.prepared = null;
  }

  async decode({ pointCoords, pointLabels, mask }: DecodeInputs): Promise<Decoded> {
    if (!this.prepared) throw new DecoderError("decode_failed", "No image is open.");
    const start = performance.now();
    const { low_res_masks, iou_predictions } = await this.decodeSession.run({
      ...this.prepared,
      point_coords: new Tensor("float32", pointCoords, [1, pointLabels.length, 2]),
      point_labels: new Tensor("float32", pointLabels, [1, pointLabels.length]),
      mask_input: mask ? this.maskTensor(mask) : this.noMask,
      has_mask_input: new Tensor("float32", [mask ? 1 : 0], [1]),
    });
    return {
      lowRes: low_res_masks!.data as Float32Array,
      iou: iou_predictions!.data as Float32Array,
      milliseconds: performance.now() - start,
    };
  }

  /** Frees the runtime's memory. */
  async release(): Promise<void> {
    this.close();
    await this.prepareSession.release();
    await this.decodeSession.release();
  }

  /** The first run of a graph takes several times as long as the next: not while somebody waits for a mask. */
  private async warmUp(): Promise<void> {
    const { channels, height, width } = this.manifest.embedding;
    const side = this.manifest.input.image_size;
    const values = new Float32Array(channels * height * width);
    await this.prepareValues(values, new ImageGeometry({ height: side, width: side }, side));
    await this.decode({
      pointCoords: new Float32Array(4),
      pointLabels: new Float32Array([1, -1]),
      mask: null,
    });
    this.close();
  }

  private maskTensor(logits: Float32Array): Tensor {
    const side = this.manifest.low_res_size;
    return new Tensor("float32", logits, [1, 1, side, side]);
  }
}

/** The tensors that a graph takes: not every model has a use for all. */
function only(names: readonly string[], tensors: Record<string, Tensor>): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(tensors).filter(([name]) => names.includes(name)));
}

function checkNames(
  graph: string,
  session: InferenceSession,
  expected: { readonly inputs: readonly string[]; readonly outputs: readonly string[] },
): void {
  for (const [what, has, needs] of [
    ["inputs", session.inputNames, expected.inputs],
    ["outputs", session.outputNames, expected.outputs],
  ] as const) {
    if ([...has].sort().join() !== [...needs].sort().join()) {
      throw new Error(
        `the graph ${graph} has the ${what} ${has.join(", ")}; its manifest says ${needs.join(", ")}`,
      );
    }
  }
}
