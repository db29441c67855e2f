/** The decoder's own thread: keeps onnxruntime-web and the prepared tensors away from the page. */

import { expose, transfer } from "comlink";
import { loadGraphs } from "./choice.ts";
import type { Answering, Decoded, ProviderWish } from "./decoder.ts";
import type { DecodeInputs, DecoderGraphs } from "./graphs.ts";
import type { Manifest } from "./manifest.ts";

let graphs: DecoderGraphs | null = null;
let turn: Promise<unknown> = Promise.resolve();
let idling: ReturnType<typeof setTimeout> | undefined;

const IDLE = 100; // ms without a request: nobody waits for what is done then

const api = {
  /** Replaces the model that was loaded before. */
  load(
    manifest: Manifest,
    prepare: ArrayBuffer,
    decode: ArrayBuffer,
    wish: ProviderWish,
    threads: number,
  ): Promise<Answering> {
    return inTurn(async () => {
      await graphs?.release();
      graphs = null;
      const choice = await loadGraphs(
        manifest,
        new Uint8Array(prepare),
        new Uint8Array(decode),
        wish,
        threads,
      );
      graphs = choice.graphs;
      whenIdle(() => choice.graphs.warmUp());
      return choice.answering;
    });
  },

  /** @returns milliseconds that `prepare` took */
  open(embedding: ArrayBuffer): Promise<number> {
    return inTurn(async () => {
      const opened = loaded();
      const milliseconds = await opened.prepare(embedding);
      whenIdle(() => opened.warmUp());
      return milliseconds;
    });
  },

  close(): Promise<void> {
    return inTurn(async () => graphs?.close());
  },

  async decode(inputs: DecodeInputs): Promise<Decoded> {
    const decoded = await inTurn(() => loaded().decode(inputs));
    return transfer(decoded, [decoded.lowRes.buffer, decoded.iou.buffer]);
  },
};

/** On WebGPU a run gives way to others while it waits, and its runtime can do only one thing at a time. */
function inTurn<Answer>(work: () => Promise<Answer>): Promise<Answer> {
  clearTimeout(idling);
  const done = turn.then(work);
  turn = done.catch(() => undefined); // whoever asked hears of it
  return done;
}

function whenIdle(work: () => Promise<void>): void {
  clearTimeout(idling);
  idling = setTimeout(() => void inTurn(work).catch(reportError), IDLE);
}

function loaded(): DecoderGraphs {
  if (!graphs) throw new Error("no model is loaded");
  return graphs;
}

export type DecoderWorker = typeof api;

expose(api);
