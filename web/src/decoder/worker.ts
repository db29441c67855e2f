/** The decoder's own thread: keeps onnxruntime-web and the prepared tensors away from the page. */

import { expose, transfer } from "comlink";
import { loadGraphs } from "./choice.ts";
import type { Answering, Decoded, ProviderWish } from "./decoder.ts";
import type { DecodeInputs, DecoderGraphs } from "./graphs.ts";
import type { Manifest } from "./manifest.ts";

let graphs: DecoderGraphs | null = null;
/** Of the image that will probably be opened next, until it is prepared. */
let coming: ArrayBuffer | null = null;
let turn: Promise<unknown> = Promise.resolve();
let inHand = 0; // requests that are not answered
let idling: ReturnType<typeof setTimeout> | undefined;

const IDLE = 100; // ms without a request: nobody waits for what is done then
const SHORT_IDLE = 50; // ms, for what makes the next answers faster
const LONG_IDLE = 500; // ms, for what takes as long as several clicks and is needed only with the next image

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
      graphs = coming = null;
      const choice = await loadGraphs(
        manifest,
        new Uint8Array(prepare),
        new Uint8Array(decode),
        wish,
        threads,
      );
      graphs = choice.graphs;
      return choice.answering;
    });
  },

  /** @returns milliseconds that `prepare` took */
  open(embedding: ArrayBuffer): Promise<number> {
    return inTurn(() => loaded().prepare(embedding));
  },

  /** This image will probably be opened next: it is prepared when nobody asks for anything. */
  prepareAhead(embedding: ArrayBuffer): Promise<void> {
    return inTurn(async () => {
      coming = embedding;
      graphs?.closeAhead(); // of another image
    });
  },

  /** @returns what {@link open} does; null when nothing was prepared ahead */
  openAhead(): Promise<number | null> {
    return inTurn(async () => {
      coming = null;
      return loaded().openAhead();
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
  inHand += 1;
  const done = turn.then(work).finally(() => {
    inHand -= 1;
    if (inHand === 0) waitUntilIdle();
  });
  turn = done.catch(() => undefined); // whoever asked hears of it
  return done;
}

function waitUntilIdle(): void {
  clearTimeout(idling);
  if (!graphs) return;
  if (!graphs.warm) later(IDLE, warmUp);
  else if (!graphs.whole) later(SHORT_IDLE, complete);
  else if (coming) later(LONG_IDLE, prepareComing);
}

function later(milliseconds: number, work: () => Promise<void>): void {
  idling = setTimeout(() => void inTurn(work).catch(reportError), milliseconds);
}

async function warmUp(): Promise<void> {
  await graphs?.warmUp();
}

async function complete(): Promise<void> {
  await graphs?.complete();
}

async function prepareComing(): Promise<void> {
  const embedding = coming;
  coming = null;
  try {
    if (embedding) await graphs?.prepareAhead(embedding);
  } catch (error) {
    // A runtime that has stopped is of no use any more; of everything else whoever opens the image hears.
    if (error instanceof Error && error.name === "RuntimeError") throw error;
  }
}

function loaded(): DecoderGraphs {
  if (!graphs) throw new Error("no model is loaded");
  return graphs;
}

export type DecoderWorker = typeof api;

expose(api);
