/** The model on this page: its decoder, and the embedding of the open image. */
import type { Client } from "../api/client.ts";
import { ApiError, explain } from "../api/errors.ts";
import type { Manifest } from "../api/types.ts";
import { createDecoder } from "../decoder/client.ts";
import type { Decoder, DecoderInfo } from "../decoder/decoder.ts";
import type { Pending } from "./embedding-waits.ts";

export interface EncodeState {
  state: "asking" | "waiting" | "encoding" | "preparing" | "ready" | "failed";
  /** Images before this one in the encoder's queue. */
  position: number | null;
  message: string;
}

const at = (state: EncodeState["state"], message = ""): EncodeState => ({ state, position: null, message });

export class Engine {
  /** How far the embedding of the open image is. */
  encode = $state.raw<EncodeState>(at("asking"));
  manifest = $state.raw<Manifest | null>(null);
  info = $state.raw<DecoderInfo>();
  readonly decoder: Decoder = createDecoder();
  /** Of the open image as a whole, once the decoder has it. */
  embedding: ArrayBuffer | null = null;
  private readonly closing = new AbortController();
  private readonly model: Promise<Manifest>;
  private readonly unsubscribe: () => void;
  /** Counts images opened and closed: what comes for an earlier one is dropped. */
  private turn = 0;

  constructor(
    client: Client,
    private readonly fail: (error: unknown) => void,
  ) {
    this.unsubscribe = this.decoder.subscribe((info) => {
      this.info = info;
    });
    this.model = loadModel(client, this.decoder, this.closing.signal);
    void this.showModel();
  }

  get ready(): boolean {
    return this.encode.state === "ready";
  }

  /** The server has said how far the encoder is. */
  hear({ state, position, error }: Pending): void {
    this.encode = { state: state === "encoding" ? "encoding" : "waiting", position, message: error ?? "" };
  }

  /** @returns whether the decoder answers for the image now; not when it failed, or another one was opened meanwhile */
  async open(loading: Promise<ArrayBuffer>): Promise<boolean> {
    this.turn += 1;
    const { turn } = this;
    try {
      const [bytes] = await Promise.all([loading, this.model]);
      if (this.turn !== turn) return false;
      this.encode = at("preparing");
      const opened = await this.decoder.openImage(bytes);
      if (!opened || this.turn !== turn) return false;
      this.embedding = bytes;
      this.encode = at("ready");
      return true;
    } catch (error) {
      const { message, hint } = explain(error);
      if (this.turn === turn) this.encode = at("failed", `${message} ${hint}`.trim());
      return false;
    }
  }

  close(): void {
    this.turn += 1;
    this.embedding = null;
    this.encode = at("asking");
    this.decoder.closeImage();
  }

  dispose(): void {
    this.close();
    this.closing.abort();
    this.unsubscribe();
    this.decoder.dispose();
  }

  private async showModel(): Promise<void> {
    try {
      this.manifest = await this.model;
    } catch (error) {
      if (!this.closing.signal.aborted) this.fail(error);
    }
  }
}

const EXPORT_POLL = 2000; // ms; the server may still be exporting the graphs of a new model

/** Load the model that the server encodes with into the decoder: manifest first, then both graphs at once. */
async function loadModel(client: Client, decoder: Decoder, signal: AbortSignal): Promise<Manifest> {
  const { model_sha256 } = await client.server();
  const manifest = await whenExported(() => client.manifest(model_sha256), signal);
  const { graphs } = manifest;
  const [prepare, decode] = await Promise.all([
    whenExported(() => client.graph(model_sha256, "prepare", graphs.prepare.sha256), signal),
    whenExported(() => client.graph(model_sha256, "decode", graphs.decode.sha256), signal),
  ]);
  await decoder.loadModel(manifest, prepare, decode);
  return manifest;
}

async function whenExported<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 503) throw error;
      const wait = error.retryAfter === null ? EXPORT_POLL : error.retryAfter * 1000;
      await new Promise((resolve) => setTimeout(resolve, wait));
      signal.throwIfAborted();
    }
  }
}
