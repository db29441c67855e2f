/** The model on this page: its decoder, and the embedding of the open image; and the model that will take its place. */
import type { Client } from "../api/client.ts";
import { ApiError, explain, isAway } from "../api/errors.ts";
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
  readonly decoder: Decoder;
  /** Of the open image as a whole, once the decoder has it. */
  embedding: ArrayBuffer | null = null;
  /** Hash of the weights whose embeddings the decoder takes. */
  model: Promise<string>;
  /** The open image has failed for want of the server alone: it can be opened once the server is there again. */
  outOfReach = false;
  private readonly closing = new AbortController();
  /** Resolves when the decoder has the model. */
  private loaded!: Promise<Manifest>;
  /** The decoder has no model for want of the server: the next image asks for it anew. */
  private without = false;
  /** The model that the project uses by now, as far as another one: its hash while its files are on their way. */
  private following: string | null = null;
  private next: ModelFiles | null = null;
  private readonly unsubscribe: () => void;
  /** Counts images opened and closed: what comes for an earlier one is dropped. */
  private turn = 0;

  constructor(
    private readonly client: ModelSource,
    model: Promise<string>,
    private readonly fail: (error: unknown) => void,
    decoder: Decoder = createDecoder(),
  ) {
    this.decoder = decoder;
    this.unsubscribe = this.decoder.subscribe((info) => {
      this.info = info;
    });
    this.model = model;
    this.fetch();
  }

  get ready(): boolean {
    return this.encode.state === "ready";
  }

  /** The server has said how far the encoder is. */
  hear({ state, position, error }: Pending): void {
    this.encode = { state: state === "encoding" ? "encoding" : "waiting", position, message: error ?? "" };
  }

  /**
   * The project uses this model: get its files, if it is another one than here. The decoder goes on as it is until
   * {@link turnOver}. @returns whether that is possible now
   */
  async follow(sha256: string): Promise<boolean> {
    const known = await this.model;
    if (sha256 === known) {
      this.following = this.next = null;
      return false;
    }
    if (sha256 === this.following) return this.next !== null;
    this.following = sha256;
    this.next = null;
    try {
      const files = await fetchModel(this.client, sha256, this.closing.signal);
      if (this.following === sha256) this.next = files;
    } catch (error) {
      if (this.following === sha256) this.following = null;
      if (!this.closing.signal.aborted) this.fail(error);
    }
    return this.following === sha256 && this.next !== null;
  }

  /** Have the decoder take the model that was followed; the open image is closed. @returns false when there is none */
  turnOver(): boolean {
    const { next } = this;
    if (!next || this.closing.signal.aborted) return false;
    this.next = this.following = null;
    this.close();
    this.model = Promise.resolve(next.sha256);
    const before = this.loaded.catch(() => undefined);
    this.loaded = before.then(() => this.load(next));
    void this.showModel();
    return true;
  }

  /** @returns whether the decoder answers for the image now; not when it failed, or another one was opened meanwhile */
  async open(loading: Promise<ArrayBuffer>): Promise<boolean> {
    this.turn += 1;
    const { turn } = this;
    this.outOfReach = false;
    if (this.encode.state === "failed") this.encode = at("asking");
    if (this.without) this.fetch();
    try {
      const [bytes] = await Promise.all([loading, this.loaded]);
      if (this.turn !== turn) return false;
      this.encode = at("preparing");
      const opened = await this.decoder.openImage(bytes);
      if (!opened || this.turn !== turn) return false;
      this.embedding = bytes;
      this.encode = at("ready");
      return true;
    } catch (error) {
      const { message, hint } = explain(error);
      if (this.turn === turn) {
        this.encode = at("failed", `${message} ${hint}`.trim());
        this.outOfReach = isAway(error);
      }
      return false;
    }
  }

  /** The embedding of the image that will probably be opened next, which may be on its way. */
  async prepareAhead(loading: Promise<ArrayBuffer>): Promise<void> {
    const { turn } = this;
    try {
      const [bytes] = await Promise.all([loading, this.loaded]);
      if (this.turn === turn) this.decoder.prepareAhead(bytes);
    } catch {
      // Whoever opens the image hears of it.
    }
  }

  close(): void {
    this.turn += 1;
    this.embedding = null;
    this.outOfReach = false;
    this.encode = at("asking");
    this.decoder.closeImage();
  }

  dispose(): void {
    this.close();
    this.closing.abort();
    this.unsubscribe();
    this.decoder.dispose();
  }

  /** Get the files of the model of this page for the decoder. */
  private fetch(): void {
    this.without = false;
    this.loaded = this.model.then(
      async (sha256) => await this.load(await fetchModel(this.client, sha256, this.closing.signal)),
    );
    void this.showModel();
  }

  private async load({ manifest, prepare, decode }: ModelFiles): Promise<Manifest> {
    await this.decoder.loadModel(manifest, prepare, decode);
    return manifest;
  }

  private async showModel(): Promise<void> {
    const { loaded } = this;
    try {
      const manifest = await loaded;
      if (this.loaded === loaded) this.manifest = manifest;
    } catch (error) {
      if (this.loaded === loaded) this.without = isAway(error);
      if (!this.closing.signal.aborted) this.fail(error);
    }
  }
}

const EXPORT_POLL = 2000; // ms; the server may still be exporting the graphs of a new model

type ModelSource = Pick<Client, "manifest" | "graph">;

interface ModelFiles {
  sha256: string;
  manifest: Manifest;
  prepare: ArrayBuffer;
  decode: ArrayBuffer;
}

/** What the decoder needs of a model: its manifest first, then both graphs at once. */
async function fetchModel(client: ModelSource, sha256: string, signal: AbortSignal): Promise<ModelFiles> {
  const manifest = await whenExported(() => client.manifest(sha256), signal);
  const { graphs } = manifest;
  const [prepare, decode] = await Promise.all([
    whenExported(() => client.graph(sha256, "prepare", graphs.prepare.sha256), signal),
    whenExported(() => client.graph(sha256, "decode", graphs.decode.sha256), signal),
  ]);
  return { sha256, manifest, prepare, decode };
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
