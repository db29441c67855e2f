/** Looking closer: a part of a large image is encoded on its own, and the decoder answers from that. */

import type { Client } from "../api/client.ts";
import type { ImageBox } from "../core/geometry.ts";
import { around, extentOf, type Region, regionFor, regionText } from "../core/region.ts";
import type { Decoder } from "../decoder/decoder.ts";
import type { Session } from "../session/session.svelte.ts";
import { m } from "../texts/messages.ts";
import { type EmbeddingWaits, whenEncoded } from "./embedding-waits.ts";

const POLL = 1500; // ms, in case the event stream is down

interface Surroundings {
  encode: (imageId: number, region: Region, signal: AbortSignal) => Promise<ArrayBuffer>;
  /** The embedding of the whole image, null while there is none. */
  whole: () => ArrayBuffer | null;
  tell: (message: string) => void;
  fail: (error: unknown) => void;
}

/** While the region is encoded, the whole image goes on answering; so it does again as soon as something outside is asked. */
export class CloserLook {
  /** The part of the image that is seen. */
  seen = $state.raw<ImageBox | null>(null);
  private abort = new AbortController();

  /** What looking closer would show now: everything that is seen, and everything that was said of the object being drawn. */
  readonly offered: Region | null = $derived.by(() => {
    // Read first, so that it is always a dependency: the model is no signal, but is set before `seen` changes.
    const { seen } = this;
    const { image, draft, model } = this.session;
    if (!image || !model || !seen) return null;
    const extent = extentOf(draft.prompts);
    return regionFor(extent ? around(seen, extent) : seen, image, model.input.image_size);
  });

  constructor(
    private readonly decoder: Decoder,
    private readonly session: Session,
    private readonly surroundings: Surroundings,
  ) {}

  toggle(): void {
    if (this.session.viewpoint.wanted) void this.leave();
    else void this.look();
  }

  /** @param region what to look at; by default what is offered now */
  async look(region = this.offered): Promise<void> {
    const { image } = this.session;
    if (!image || !this.surroundings.whole()) return;
    if (!region) {
      this.surroundings.tell(m.annotate_closer_zoom_first());
      return;
    }
    this.reset();
    const { signal } = this.abort;
    this.session.viewpoint.wanted = region;
    try {
      const bytes = await this.surroundings.encode(image.id, region, signal);
      if (signal.aborted) return;
      await this.open(bytes, region);
    } catch (error) {
      if (signal.aborted) return;
      this.surroundings.fail(error);
      await this.leave();
    }
  }

  /** Back to the whole image. */
  async leave(): Promise<void> {
    this.reset();
    const bytes = this.surroundings.whole();
    if (this.session.viewpoint.region && bytes) await this.open(bytes, null).catch(this.surroundings.fail);
  }

  /** Forget what was looked at; the decoder is left as it is. */
  reset(): void {
    this.abort.abort();
    this.abort = new AbortController();
    this.session.viewpoint.wanted = null;
  }

  private async open(bytes: ArrayBuffer, region: Region | null): Promise<void> {
    this.session.lookAt(region); // the decoder answers nothing until it has opened what it was given
    if (await this.decoder.openImage(bytes)) this.session.embeddingReady();
  }
}

/** The embedding of a region of an image, made now if it was never asked for. */
export async function encodeRegion(
  client: Client,
  waits: EmbeddingWaits,
  model: Promise<string>,
  imageId: number,
  region: Region,
  signal: AbortSignal,
): Promise<ArrayBuffer> {
  return await whenEncoded({
    ask: async () =>
      client.embedding(imageId, "look", { model: await model, region: regionText(region), signal }),
    wait: () => waits.next(imageId, POLL, signal),
    onPending: () => undefined,
    signal,
  });
}
