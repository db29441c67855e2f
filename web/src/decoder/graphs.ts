/** The two ONNX graphs of one model: `prepare` runs once per image, `decode` on every prompt. Lives in the worker. */

import { ImageGeometry } from "../core/geometry.ts";
import { neededCells } from "../core/logits.ts";
import type { ModelInputs } from "../core/prompts.ts";
import type { Decoded, Provider } from "./decoder.ts";
import { imageSizeOf, readEmbedding } from "./embedding.ts";
import { DecoderError } from "./errors.ts";
import type { Manifest } from "./manifest.ts";
import type { Graph, Inputs, KeptTensor, Runtime, Values } from "./runtime.ts";

export interface DecodeInputs extends ModelInputs {
  /** Logits (low_res_size²), null for none. */
  readonly mask: Float32Array | null;
}

interface PreparedImage {
  readonly tensors: Readonly<Record<string, KeptTensor>>;
  /** What it took. */
  readonly milliseconds: number;
  /** What `prepare` takes of it, as long as it has left out what makes answers fast; null once all is prepared. */
  readonly left: Inputs | null;
}

const SLOW_ANSWERS = 2; // of an image that is not wholly prepared; with the next, preparing it costs less than it saves

const WHOLE = "whole"; // the input of `prepare` that says whether to do all of it

export class DecoderGraphs {
  private prepared: PreparedImage | null = null;
  /** The image that will probably be opened next. */
  private ahead: PreparedImage | null = null;
  private readonly ran = { prepare: false, decode: false };
  private slowAnswers = 0; // of the open image
  private readonly noMask: Values;
  /** WebGPU convolves no empty tensors: there the rows of an absent mask prompt are zeros instead of none. */
  private readonly noMaskSwitch: 0 | -1;

  private constructor(
    private readonly provider: Provider,
    private readonly manifest: Manifest,
    private readonly prepareGraph: Graph<KeptTensor>,
    private readonly decodeGraph: Graph<Float32Array>,
  ) {
    this.noMaskSwitch = provider === "webgpu" ? -1 : 0;
    this.noMask = this.maskTensor(new Float32Array(manifest.masks.low_res_size ** 2));
  }

  /** @throws when a graph does not load or does not take and give what the manifest says */
  static async load(
    runtime: Runtime,
    manifest: Manifest,
    prepare: Uint8Array,
    decode: Uint8Array,
  ): Promise<DecoderGraphs> {
    const { graphs } = manifest;
    const prepareGraph = await checked("prepare", runtime.loadKeeping(prepare), graphs.prepare);
    try {
      const decodeGraph = await checked("decode", runtime.load(decode), graphs.decode);
      return new DecoderGraphs(runtime.provider, manifest, prepareGraph, decodeGraph);
    } catch (error) {
      await prepareGraph.release();
      throw error;
    }
  }

  /**
   * Make this the image that {@link decode} answers for. The prepared tensors of the one before are dropped. No more is prepared
   * than a first answer that comes soon needs, where the graphs can leave something out: see {@link complete}.
   */
  async prepare(embedding: ArrayBuffer): Promise<number> {
    const inputs = await this.read(embedding);
    return this.prepareInputs(inputs, !this.canLeaveOut);
  }

  /**
   * Prepare what {@link prepare} has left out, so that answers take as long as they should. What was there goes first: nobody
   * asks meanwhile, and memory never holds the image twice.
   */
  async complete(): Promise<void> {
    const left = this.prepared?.left;
    if (!left) return;
    this.close();
    this.prepared = await this.runPrepare(left, true);
  }

  /** Whether nothing of the open image is left to prepare. */
  get whole(): boolean {
    return !this.prepared?.left;
  }

  /** Make this the image that {@link openAhead} opens. It takes as much memory as the open one. */
  async prepareAhead(embedding: ArrayBuffer): Promise<void> {
    const inputs = await this.read(embedding);
    this.closeAhead();
    this.ahead = await this.runPrepare(inputs, true);
  }

  /** Open what was prepared ahead. @returns milliseconds that `prepare` took then; null when there is none */
  openAhead(): number | null {
    const { ahead } = this;
    if (!ahead) return null;
    this.close();
    this.prepared = ahead;
    this.ahead = null;
    return ahead.milliseconds;
  }

  /** On a graphics card nothing is: its kernels were tried with all that is there, and multiply fast. */
  private get canLeaveOut(): boolean {
    return this.provider === "wasm" && this.manifest.graphs.prepare.inputs.includes(WHOLE);
  }

  private async read(embedding: ArrayBuffer): Promise<Inputs> {
    const geometry = new ImageGeometry(imageSizeOf(embedding), this.manifest.input);
    return this.inputsOf(await readEmbedding(embedding, this.manifest.features), geometry);
  }

  /** What `prepare` takes, but for how much of it is to be done. */
  private inputsOf(values: Readonly<Record<string, Float32Array>>, geometry: ImageGeometry): Inputs {
    const { masks, features } = this.manifest;
    const valid = neededCells(geometry, masks.low_res_size, features[0]!.height);
    return {
      ...Object.fromEntries(
        features.map(({ name, channels, height, width }) => [
          name,
          { data: values[name]!, shape: [1, channels, height, width] },
        ]),
      ),
      valid_size: { data: BigInt64Array.of(BigInt(valid.height), BigInt(valid.width)), shape: [2] },
    };
  }

  private async prepareInputs(inputs: Inputs, whole: boolean): Promise<number> {
    this.close();
    this.slowAnswers = 0;
    this.prepared = await this.runPrepare(inputs, whole);
    return this.prepared.milliseconds;
  }

  private async runPrepare(inputs: Inputs, whole: boolean): Promise<PreparedImage> {
    const start = performance.now();
    const all = { ...inputs, [WHOLE]: { data: BigInt64Array.of(whole ? 1n : 0n), shape: [1] } };
    const tensors = await this.prepareGraph.run(only(this.manifest.graphs.prepare.inputs, all));
    this.ran.prepare = true;
    return { tensors, milliseconds: performance.now() - start, left: whole ? null : inputs };
  }

  close(): void {
    free(this.prepared);
    this.prepared = null;
  }

  closeAhead(): void {
    free(this.ahead);
    this.ahead = null;
  }

  async decode({ pointCoords, pointLabels, mask }: DecodeInputs): Promise<Decoded> {
    if (!this.prepared) throw new DecoderError("decode_failed", "No image is open.");
    const start = performance.now();
    if (this.prepared.left && ++this.slowAnswers > SLOW_ANSWERS) await this.complete();
    const { low_res_masks, iou_predictions, object_score_logits } = await this.decodeGraph.run({
      ...this.prepared.tensors,
      ...only(this.manifest.graphs.decode.inputs, {
        point_coords: { data: pointCoords, shape: [1, pointLabels.length, 2] },
        point_labels: { data: pointLabels, shape: [1, pointLabels.length] },
        mask_input: mask ? this.maskTensor(mask) : this.noMask,
        has_mask_input: { data: Float32Array.of(mask ? 1 : this.noMaskSwitch), shape: [1] },
      }),
    });
    this.ran.decode = true;
    return {
      lowRes: low_res_masks!,
      iou: iou_predictions!,
      objectScore: object_score_logits?.[0] ?? null,
      masks: this.manifest.masks,
      milliseconds: performance.now() - start,
    };
  }

  /** Frees the runtime's memory. */
  async release(): Promise<void> {
    this.close();
    this.closeAhead();
    await this.prepareGraph.release();
    await this.decodeGraph.release();
  }

  /** Whether both graphs have been run. */
  get warm(): boolean {
    return this.ran.prepare && this.ran.decode;
  }

  /** The first run of a graph takes several times as long as the next: not while somebody waits for a mask. */
  async warmUp(): Promise<void> {
    await this.complete();
    const open = this.prepared;
    if (!this.ran.prepare) await this.prepareExample();
    if (!this.ran.decode) await this.decodeExample(null);
    if (!open) this.close();
  }

  /**
   * Run everything, with answers looked at: nobody has tried this graphics card and its driver with these graphs.
   *
   * @returns milliseconds of a click, not the first
   */
  async tryOut(): Promise<number> {
    const mask = wave(this.manifest.masks.low_res_size ** 2);
    await this.prepareExample();
    checkAnswer(await this.decodeExample(mask));
    checkAnswer(await this.decodeExample(null));
    const { milliseconds } = await this.decodeExample(null);
    this.close();
    return milliseconds;
  }

  private async prepareExample(): Promise<void> {
    const { features, input } = this.manifest;
    const values = Object.fromEntries(
      features.map(({ name, channels, height, width }) => [name, wave(channels * height * width)]),
    );
    const square = new ImageGeometry({ height: input.image_size, width: input.image_size }, input);
    await this.prepareInputs(this.inputsOf(values, square), true);
  }

  private decodeExample(mask: Float32Array | null): Promise<Decoded> {
    return this.decode({ pointCoords: new Float32Array(4), pointLabels: new Float32Array([1, -1]), mask });
  }

  private maskTensor(logits: Float32Array): Values {
    const side = this.manifest.masks.low_res_size;
    return { data: logits, shape: [1, 1, side, side] };
  }
}

function free(image: PreparedImage | null): void {
  for (const tensor of Object.values(image?.tensors ?? {})) tensor.dispose();
}

/** Numbers to try a graph with. */
function wave(length: number): Float32Array {
  return new Float32Array(length).map((_, index) => Math.sin(index));
}

/** A driver that fails silently leaves zeros, or what was there before. */
function checkAnswer({ lowRes, iou, objectScore }: Decoded): void {
  if (![...lowRes, ...iou, objectScore ?? 0].every(Number.isFinite))
    throw new Error("its answer is not finite");
  if (lowRes.every((logit) => logit === lowRes[0])) throw new Error("its answer is empty");
}

/** The tensors that a graph takes: not every model has a use for all. */
function only(names: readonly string[], tensors: Inputs): Inputs {
  return Object.fromEntries(Object.entries(tensors).filter(([name]) => names.includes(name)));
}

interface Names {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** A graph that takes and gives what the manifest says. */
async function checked<Output>(
  name: string,
  loading: Promise<Graph<Output>>,
  expected: Names,
): Promise<Graph<Output>> {
  const graph = await loading;
  try {
    checkNames(name, graph, expected);
    return graph;
  } catch (error) {
    await graph.release();
    throw error;
  }
}

function checkNames(name: string, graph: Graph<unknown>, expected: Names): void {
  for (const [what, has, needs] of [
    ["inputs", graph.inputNames, expected.inputs],
    ["outputs", graph.outputNames, expected.outputs],
  ] as const) {
    if ([...has].sort().join() !== [...needs].sort().join()) {
      throw new Error(
        `the graph ${name} has the ${what} ${has.join(", ")}; its manifest says ${needs.join(", ")}`,
      );
    }
  }
}
