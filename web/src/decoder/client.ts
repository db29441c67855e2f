/** The page's side of the decoder: one decode in flight, the newest request wins, stale images are dropped here. */

import { releaseProxy, wrap } from "comlink";
import { ImageGeometry, type ImageSize } from "../core/geometry.ts";
import { type DecoderPrompts, modelInputs } from "../core/prompts.ts";
import type { Answering, Decoded, Decoder, DecoderInfo, DecoderState, ProviderWish } from "./decoder.ts";
import { checkEmbedding } from "./embedding.ts";
import { asDecoderError, DecoderError } from "./errors.ts";
import type { DecodeInputs } from "./graphs.ts";
import { DecoderHost, type StartedWorker, type StartWorker } from "./host.ts";
import type { Manifest } from "./manifest.ts";
import { type Click, ThreadChoice } from "./threads.ts";
import type { DecoderWorker } from "./worker.ts";

const MAX_THREADS = 4; // more do not help a graph of this size

interface Request {
  readonly prompts: DecoderPrompts;
  readonly image: ImageSize;
  readonly generation: number;
  readonly resolve: (decoded: Decoded | null) => void;
  readonly reject: (error: DecoderError) => void;
}

export class DecoderClient implements Decoder {
  manifest: Manifest | null = null;
  info: DecoderInfo;
  private readonly host: DecoderHost;
  private readonly wish: ProviderWish;
  private readonly mostThreads: number;
  private readonly threads: ThreadChoice;
  /** What a click takes besides its prompts, as far as it is there. */
  private opened: Partial<Omit<Click, "inputs">> = {};
  private readonly listeners = new Set<(info: DecoderInfo) => void>();
  /** What `info.state` is as long as the worker lives. */
  private state: DecoderState = "empty";
  private worker: "alive" | "restarting" | "stopped" = "alive";
  private generation = 0; // counts opened and closed images
  private opening: Promise<unknown> = Promise.resolve();
  private waiting: Request | null = null;
  private inFlight: Request | null = null;

  constructor(
    start: StartWorker,
    {
      isolated,
      cores,
      wish = "wasm",
      memory = null,
      now,
    }: {
      isolated: boolean;
      cores: number;
      wish?: ProviderWish;
      memory?: Pick<Storage, "getItem" | "setItem"> | null;
      now?: () => number;
    },
  ) {
    this.wish = wish;
    this.mostThreads = isolated ? Math.min(MAX_THREADS, cores) : 1;
    this.threads = new ThreadChoice(start, this.mostThreads, memory);
    this.info = {
      state: "empty",
      threads: this.mostThreads,
      threadsTried: false,
      isolated,
      provider: "wasm",
      fallback: null,
      lastDecodeMs: null,
      prepareMs: null,
      message: null,
    };
    this.host = new DecoderHost(
      start,
      {
        restarting: (reason) =>
          this.note("restarting", `The decoder stopped (${reason}) and is started again.`),
        restarted: (answering) => this.note("alive", null, answering ?? {}),
        stopped: ({ message }) => this.note("stopped", message),
      },
      now,
    );
  }

  subscribe(listener: (info: DecoderInfo) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  async loadModel(manifest: Manifest, prepareGraph: ArrayBuffer, decodeGraph: ArrayBuffer): Promise<void> {
    this.closeImage();
    this.manifest = null;
    this.threads.cancel();
    const tried = this.threads.known(manifest);
    const threads = tried ?? this.mostThreads;
    this.update({ state: "loading", message: null, threads, threadsTried: tried !== null });
    let answering: Answering;
    try {
      answering = await this.host.load(manifest, prepareGraph, decodeGraph, this.wish, threads);
    } catch (error) {
      const failure = asDecoderError(error, "broken_model", `The decoder of ${manifest.title} does not load`);
      this.update({ state: "failed", message: failure.message });
      throw failure;
    }
    this.manifest = manifest;
    this.opened = { manifest, prepareGraph, decodeGraph };
    this.update({ state: "idle", ...answering });
  }

  async openImage(embedding: ArrayBuffer): Promise<boolean> {
    const generation = this.forgetImage();
    const { manifest } = this;
    if (!manifest) throw new DecoderError("no_model", "An embedding came before the model was loaded.");
    this.update({ state: "preparing", message: null });
    try {
      checkEmbedding(embedding, manifest);
    } catch (error) {
      throw this.refused(error, generation);
    }
    const opened = this.opening.then(() => this.prepare(embedding, generation));
    this.opening = opened.catch(() => undefined); // its caller hears of it; the next image must not
    return opened;
  }

  prepareAhead(embedding: ArrayBuffer): void {
    // On a graphics card a decode would wait for it, and nobody knows how much memory a card has.
    if (!this.manifest || this.info.provider !== "wasm") return;
    try {
      checkEmbedding(embedding, this.manifest);
    } catch {
      return;
    }
    this.host.prepareAhead(embedding).catch(() => undefined); // a worker that stopped has been reported
  }

  closeImage(): void {
    this.forgetImage();
    if (!this.manifest) return;
    this.update({ state: "idle" });
    this.host.close().catch(() => undefined); // a worker that stopped has nothing open, and has been reported
  }

  decode(prompts: DecoderPrompts, image: ImageSize): Promise<Decoded | null> {
    if (this.state !== "ready" || this.worker === "stopped") return Promise.resolve(null);
    return new Promise((resolve, reject) => {
      this.waiting?.resolve(null);
      this.waiting = { prompts, image, generation: this.generation, resolve, reject };
      if (!this.inFlight) void this.answer();
    });
  }

  dispose(): void {
    this.forgetImage();
    this.listeners.clear();
    this.host.terminate();
  }

  private async prepare(embedding: ArrayBuffer, generation: number): Promise<boolean> {
    if (generation !== this.generation) return false;
    try {
      const prepareMs = await this.host.open(embedding);
      if (generation !== this.generation) return false;
      this.opened = { ...this.opened, embedding };
      this.update({ state: "ready", prepareMs });
      return true;
    } catch (error) {
      throw this.refused(error, generation);
    }
  }

  private refused(error: unknown, generation: number): DecoderError {
    const failure = asDecoderError(error, "broken_embedding", "The embedding cannot be prepared");
    if (generation === this.generation) this.update({ state: "idle", message: failure.message });
    return failure;
  }

  private async answer(): Promise<void> {
    while (this.waiting) {
      const request = this.waiting;
      this.inFlight = request;
      this.waiting = null;
      const { prompts, image, generation } = request;
      try {
        const { input, prompts: taken } = this.manifest!;
        const inputs = modelInputs(prompts, new ImageGeometry(image, input), taken);
        const asked = { ...inputs, mask: taken.mask ? prompts.mask : null };
        this.threads.cancel();
        const decoded = await this.host.decode(asked);
        const stale = generation !== this.generation;
        if (!stale && this.info.provider === "wasm") this.tryThreadsLater(asked);
        if (!stale) this.update({ lastDecodeMs: decoded.milliseconds });
        request.resolve(stale ? null : decoded);
      } catch (error) {
        if (generation !== this.generation) request.resolve(null);
        else request.reject(asDecoderError(error, "decode_failed", "The decoder could not answer"));
      }
    }
    this.inFlight = null;
  }

  private tryThreadsLater(inputs: DecodeInputs): void {
    const { manifest, prepareGraph, decodeGraph, embedding } = this.opened;
    if (!manifest || !prepareGraph || !decodeGraph || !embedding) return;
    this.threads.later({ manifest, prepareGraph, decodeGraph, embedding, inputs });
  }

  /** @returns the new generation: answers of older ones are stale */
  private forgetImage(): number {
    this.threads.cancel();
    this.waiting?.resolve(null);
    this.waiting = null;
    return ++this.generation;
  }

  private note(worker: typeof this.worker, message: string | null, answering: Partial<Answering> = {}): void {
    this.worker = worker;
    this.update({ message, ...answering });
  }

  private update({ state = this.state, ...change }: Partial<DecoderInfo>): void {
    this.state = state;
    const shown = { alive: state, restarting: "loading", stopped: "failed" } as const;
    this.info = { ...this.info, ...change, state: shown[this.worker] };
    for (const listener of this.listeners) listener(this.info);
  }
}

/**
 * Starts the worker. The model comes with {@link Decoder.loadModel}.
 *
 * It runs on the processor unless `?decoder=auto` or `?decoder=webgpu` in the address says otherwise: a click takes tens
 * of milliseconds there, while a graphics card must first be tried, and drivers differ.
 */
export function createDecoder(): Decoder {
  const asked = new URLSearchParams(location.search).get("decoder");
  return new DecoderClient(startWorker, {
    isolated: globalThis.crossOriginIsolated,
    cores: navigator.hardwareConcurrency,
    wish: asked === "auto" || asked === "webgpu" ? asked : "wasm",
    memory: localStorage,
  });
}

function startWorker(died: (reason: string) => void): StartedWorker {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "decoder" });
  const backend = wrap<DecoderWorker>(worker);
  worker.addEventListener("error", (event) => {
    event.preventDefault(); // it is dealt with here
    died(event.message || "its script does not run");
  });
  const terminate = () => {
    backend[releaseProxy]();
    worker.terminate();
  };
  return { backend, terminate };
}
