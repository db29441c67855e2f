/**
 * The decoder's worker, started again when it dies: model and open image are brought back, and what it had in hand is
 * asked once more. Callers notice a delay only, until it has died too often.
 */

import type { Answering, Decoded, ProviderWish } from "./decoder.ts";
import { DecoderError } from "./errors.ts";
import type { DecodeInputs } from "./graphs.ts";
import type { Manifest } from "./manifest.ts";

/** More restarts than this within {@link RESTART_WINDOW} and the worker stays dead. */
export const MAX_RESTARTS = 5;
export const RESTART_WINDOW = 60_000; // ms

/** What a worker does. Buffers are copied, not transferred: they may be needed again. */
export interface DecoderBackend {
  load(
    manifest: Manifest,
    prepare: ArrayBuffer,
    decode: ArrayBuffer,
    wish: ProviderWish,
    threads: number,
  ): Promise<Answering>;
  /** @returns milliseconds that `prepare` took */
  open(embedding: ArrayBuffer): Promise<number>;
  /** Resolves at once; it is done when nobody asks for anything, or not at all. */
  prepareAhead(embedding: ArrayBuffer): Promise<void>;
  /** Opens what was prepared ahead. @returns what `open` does; null when there is none */
  openAhead(): Promise<number | null>;
  close(): Promise<void>;
  decode(inputs: DecodeInputs): Promise<Decoded>;
}

export interface StartedWorker {
  readonly backend: DecoderBackend;
  terminate(): void;
}

/** @param died to be called with the reason when the worker stops by itself */
export type StartWorker = (died: (reason: string) => void) => StartedWorker;

export interface HostListener {
  /** The worker died; model and image are on their way into a new one. */
  restarting(reason: string): void;
  restarted(answering: Answering | null): void;
  /** The worker died too often. All calls from now on are refused with this error. */
  stopped(error: DecoderError): void;
}

class WorkerDied extends Error {
  override readonly name = "WorkerDied";
}

/** One worker, from its start to its end. */
interface Run extends StartedWorker {
  /** Where its model runs; null before it has one. */
  answering: Answering | null;
  /** Never resolves; rejects with {@link WorkerDied}. */
  readonly ended: Promise<never>;
  readonly end: (reason: string) => void;
}

type Question<Answer> = (run: Run) => Promise<Answer>;
type Model = Parameters<DecoderBackend["load"]>;

export class DecoderHost implements Omit<DecoderBackend, "openAhead"> {
  private run: Run;
  /** Settles when the running worker has everything that the one before had. */
  private bringingBack: Promise<unknown> = Promise.resolve();
  private restarts: number[] = []; // times of those within the window
  private model: Model | null = null;
  private embedding: ArrayBuffer | null = null;
  /** What the worker prepares, or has prepared, ahead. */
  private ahead: ArrayBuffer | null = null;
  private failure: DecoderError | null = null;
  /** Why the graphics card is not tried again. */
  private cardFailed: string | null = null;

  constructor(
    private readonly start: StartWorker,
    private readonly listener: HostListener,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.run = this.begin();
  }

  async load(...model: Model): Promise<Answering> {
    this.model = this.embedding = this.ahead = null;
    const answering = await this.ask((run) => this.loadInto(run, model));
    this.model = model; // not before: a model that kills the worker is not brought back
    return answering;
  }

  async open(embedding: ArrayBuffer): Promise<number> {
    this.embedding = null;
    const isAhead = this.ahead === embedding;
    if (isAhead) this.ahead = null;
    const milliseconds = await this.ask(
      async ({ backend }) => (isAhead ? await backend.openAhead() : null) ?? backend.open(embedding),
    );
    this.embedding = embedding;
    return milliseconds;
  }

  /** Opening this same buffer takes hardly any time then. */
  async prepareAhead(embedding: ArrayBuffer): Promise<void> {
    if (this.ahead === embedding) return;
    this.ahead = embedding;
    await this.ask(({ backend }) => backend.prepareAhead(embedding));
  }

  async close(): Promise<void> {
    this.embedding = null;
    await this.ask(({ backend }) => backend.close());
  }

  async decode(inputs: DecodeInputs): Promise<Decoded> {
    return this.ask(({ backend }) => backend.decode(inputs));
  }

  terminate(): void {
    this.failure = new DecoderError("decoder_stopped", "The decoder was closed.");
    this.run.terminate();
  }

  private async loadInto(run: Run, [manifest, prepare, decode, wish, threads]: Model): Promise<Answering> {
    const fallback = wish === "wasm" ? null : this.cardFailed;
    const possible = fallback === null ? wish : "wasm";
    const answering = await run.backend.load(manifest, prepare, decode, possible, threads);
    run.answering = fallback === null ? answering : { ...answering, fallback };
    return run.answering;
  }

  /** What is asked of a worker that dies is asked of the next one too, but only once: it may be what killed it. */
  private async ask<Answer>(question: Question<Answer>): Promise<Answer> {
    await this.alive();
    try {
      return await put(this.run, question);
    } catch (error) {
      if (!(error instanceof WorkerDied)) throw error;
      await this.alive();
      return put(this.run, question);
    }
  }

  private async alive(): Promise<void> {
    for (let bringingBack: unknown = null; bringingBack !== this.bringingBack; ) {
      bringingBack = this.bringingBack;
      await this.bringingBack;
    }
    if (this.failure) throw this.failure;
  }

  private begin(): Run {
    let rejectEnd!: (reason: WorkerDied) => void;
    const ended = new Promise<never>((_, reject) => {
      rejectEnd = reject;
    });
    ended.catch(() => undefined); // whoever waits for an answer hears of it; while idle nobody does
    let dead = false;
    const end = (reason: string) => {
      if (dead) return;
      dead = true;
      run.terminate();
      if (run.answering?.provider === "webgpu") this.cardFailed = `the graphics card failed: ${reason}`;
      if (!this.failure) this.restart(reason);
      rejectEnd(new WorkerDied(reason));
    };
    const run: Run = { ...this.start(end), answering: null, ended, end };
    return run;
  }

  private restart(reason: string): void {
    const now = this.now();
    this.restarts = [...this.restarts.filter((time) => now - time < RESTART_WINDOW), now];
    if (this.restarts.length > MAX_RESTARTS) {
      this.failure = new DecoderError(
        "decoder_stopped",
        `The decoder stopped ${this.restarts.length} times within a minute, the last time with “${reason}”. ` +
          "What you accepted is kept. Reload the page to start it again.",
      );
      this.listener.stopped(this.failure);
      return;
    }
    this.ahead = null;
    this.listener.restarting(reason);
    this.run = this.begin();
    this.bringingBack = this.bringBack();
  }

  private async bringBack(): Promise<void> {
    const { model, embedding, run } = this;
    try {
      if (model) await put(run, () => this.loadInto(run, model));
      if (embedding) await put(run, ({ backend }) => backend.open(embedding));
      if (run === this.run && !this.failure) this.listener.restarted(run.answering);
    } catch (error) {
      // A worker that died has been replaced by now; any other failure is one of a worker that is of no use.
      if (!(error instanceof WorkerDied)) run.end(error instanceof Error ? error.message : String(error));
    }
  }
}

async function put<Answer>(run: Run, question: Question<Answer>): Promise<Answer> {
  try {
    return await Promise.race([question(run), run.ended]);
  } catch (error) {
    if (!isTrap(error) && !isOfCard(error, run)) throw error;
    run.end(error.message);
    return run.ended;
  }
}

/** WebAssembly stopped in the middle of something (out of memory, unreachable code): nothing in it can be relied on. */
function isTrap(error: unknown): error is Error {
  return error instanceof Error && error.name === "RuntimeError"; // its class is lost on the way from the worker
}

/** A graphics card can be taken away, or run out of memory: there is nothing to be had from it any more. */
function isOfCard(error: unknown, { answering }: Run): error is Error {
  const known = error instanceof WorkerDied || (error instanceof Error && error.name === "DecoderError");
  return answering?.provider === "webgpu" && error instanceof Error && !known;
}
