/**
 * Times Limner's decoder against the published export in onnxruntime-web, in a worker as on the real page.
 *
 * Who drives it lets contenders take turns, so that whatever else the machine does falls on both. Times are in milliseconds.
 */

import { expose } from "comlink";
import script from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";
import binary from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
import { env, InferenceSession, Tensor } from "onnxruntime-web/wasm";
import { ImageGeometry, type ImageSize } from "../src/core/geometry.ts";
import { makeAxis, type Plane } from "../src/core/logits.ts";
import { MaskPainter } from "../src/core/paint.ts";
import { readEmbedding } from "../src/decoder/embedding.ts";
import { type DecodeInputs, DecoderGraphs } from "../src/decoder/graphs.ts";
import type { Manifest } from "../src/decoder/manifest.ts";
import { onProcessor } from "../src/decoder/processor.ts";

const SCREEN = { height: 1080, width: 1920 }; // device pixels of the view that is painted

export interface BenchCase {
  /** (N, 2), in pixels of a model input of 1024 pixels */
  readonly coords: readonly number[];
  readonly labels: readonly number[];
  readonly mask: boolean;
}

/** What is timed; each side does it in its own way. */
export type Task =
  | { readonly kind: "decode"; readonly prompt: BenchCase }
  /** We paint what a screen shows of the mask; the reference upsamples to the whole image. */
  | { readonly kind: "decodeAndPaint"; readonly prompt: BenchCase; readonly image: ImageSize }
  /** From asking for the embedding to the painted mask; for the reference, which prepares nothing, to its logits. */
  | {
      readonly kind: "firstPreview";
      readonly prompt: BenchCase;
      readonly image: ImageSize;
      readonly file: string;
      /** Prepared before the time counts, as the page does with the image that comes next. */
      readonly ahead: boolean;
    }
  /** From the bytes of an embedding, which are there, to its values; the reference does nothing. */
  | { readonly kind: "read"; readonly file: string }
  /** Upsample and paint a mask, as one preview does; the reference does nothing. */
  | { readonly kind: "paint"; readonly image: ImageSize };

export type Side = "ours" | "reference";

let manifest: Manifest;
let threads = 1;
let files: { readonly prepare: Uint8Array; readonly decode: Uint8Array; readonly published: Uint8Array };
let graphs: DecoderGraphs;
let reference: InferenceSession;
let features: Readonly<Record<string, Tensor>>; // of the reference
const painter = new MaskPainter();
const pixels = new Uint32Array(SCREEN.height * SCREEN.width);

const api = {
  /** Fetches all that {@link begin} needs. */
  async load(
    count: number,
    model: string,
    published: string,
    publishedModel: string,
    publishedEmbedding: string,
  ): Promise<void> {
    threads = count;
    env.wasm.wasmPaths = { mjs: script, wasm: binary };
    env.wasm.numThreads = count;
    manifest = await manifestOf(model);
    const [prepare, decode, reference, embedding] = await Promise.all(
      [`${model}/prepare.onnx`, `${model}/decode.onnx`, published, publishedEmbedding].map(bytes),
    );
    const specs = (await manifestOf(publishedModel)).features;
    const values = await readEmbedding(embedding!, specs);
    features = Object.fromEntries(
      specs.map(({ name, channels, height, width }) => [
        name,
        new Tensor("float32", values[name]!, [1, channels, height, width]),
      ]),
    );
    files = {
      prepare: new Uint8Array(prepare!),
      decode: new Uint8Array(decode!),
      published: new Uint8Array(reference!),
    };
  },

  /** Loads one side's graphs and runs them once; the first to do so starts the runtime. @returns how long it took */
  async begin(side: Side): Promise<number> {
    return timed(async () => {
      if (side === "ours") {
        graphs = await DecoderGraphs.load(await onProcessor(threads), manifest, files.prepare, files.decode);
        await graphs.warmUp();
      } else {
        reference = await InferenceSession.create(files.published);
        await runReference({ coords: [0, 0, 0, 0], labels: [1, -1], mask: false });
      }
    });
  },

  /** Opens and prepares it wholly. */
  async open(file: string): Promise<void> {
    await graphs.prepare(await bytes(file));
    await graphs.complete();
  },

  /** @returns the times of `count` runs of one side */
  async run(side: Side, task: Task, count: number): Promise<number[]> {
    const mask = wavyMask();
    const file = task.kind === "read" ? await bytes(task.file) : null;
    const work = side === "ours" ? () => ours(task, mask, file) : () => theirs(task);
    const times: number[] = [];
    for (let index = 0; index < count; index++) {
      if (side === "ours" && task.kind === "firstPreview" && task.ahead)
        await graphs.prepareAhead(await bytes(task.file));
      times.push(await timed(work));
    }
    return times;
  },
};

async function ours(task: Task, mask: Plane, file: ArrayBuffer | null): Promise<void> {
  if (task.kind === "read") {
    await readEmbedding(file!, manifest.features);
    return;
  }
  if (task.kind === "firstPreview" && graphs.openAhead() === null)
    await graphs.prepare(await bytes(task.file));
  if (task.kind !== "paint") await graphs.decode(ourInputs(task.prompt));
  if (task.kind !== "decode") paint(mask, task.image);
}

async function theirs(task: Task): Promise<void> {
  if (task.kind === "read") return;
  if (task.kind === "firstPreview") await bytes(task.file);
  if (task.kind !== "paint") await runReference(task.prompt);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function ourInputs({ coords, labels, mask }: BenchCase): DecodeInputs {
  const scale = manifest.input.image_size / 1024;
  return {
    pointCoords: Float32Array.from(coords, (value) => value * scale),
    pointLabels: Float32Array.from(labels),
    mask: mask ? maskPrompt(manifest.masks.low_res_size) : null,
  };
}

async function runReference({ coords, labels, mask }: BenchCase): Promise<void> {
  await reference.run({
    ...features,
    point_coords: new Tensor("float32", Float32Array.from(coords), [1, labels.length, 2]),
    point_labels: new Tensor("float32", Float32Array.from(labels), [1, labels.length]),
    mask_input: new Tensor("float32", maskPrompt(256), [1, 1, 256, 256]),
    has_mask_input: new Tensor("float32", [mask ? 1 : 0], [1]),
  });
}

function maskPrompt(cells: number): Float32Array {
  return new Float32Array(cells ** 2).map((_, index) => (index % 97 < 40 ? 8 : -8));
}

/** About half of the grid, with a wavy outline; seeded weights answer noise, and no mask is like that. */
function wavyMask(): Plane {
  const cells = manifest.masks.low_res_size;
  const data = Float32Array.from({ length: cells ** 2 }, (_, index) => {
    const [row, column] = [Math.floor(index / cells), index % cells];
    return Math.sin(row / 19) * Math.cos(column / 23) + 0.2 * Math.sin(row / 3);
  });
  return { data, offset: 0 };
}

/** The image fills the screen as far as it goes. */
function paint(plane: Plane, image: ImageSize): void {
  const cells = manifest.masks.low_res_size;
  const valid = new ImageGeometry(image, manifest.input).validCells(cells);
  const step = Math.max(image.height / SCREEN.height, image.width / SCREEN.width);
  const [height, width] = [Math.floor(image.height / step), Math.floor(image.width / step)];
  const rows = makeAxis(0, step, height, valid.height / image.height, cells);
  const columns = makeAxis(0, step, width, valid.width / image.width, cells);
  const style = { fill: 0x80ff8040, rim: 0xffff8040, rimWidth: 2 };
  painter.paint(plane, { rows, columns }, pixels.subarray(0, height * width), style);
}

async function manifestOf(model: string): Promise<Manifest> {
  return (await (await fetch(`/${model}/manifest.json`)).json()) as Manifest;
}

async function bytes(file: string): Promise<ArrayBuffer> {
  return (await fetch(`/${file}`)).arrayBuffer();
}

export type BenchWorker = typeof api;

expose(api);
