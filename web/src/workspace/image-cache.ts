/** Images and embeddings on their way into this page: the one being looked at, and its neighbours ahead of time. */
import type { Client } from "../api/client.ts";
import { NetworkError } from "../api/errors.ts";
import type { Listing } from "../api/listing.ts";
import type { ImageAnnotations, ImageDetails } from "../api/types.ts";
import { type EmbeddingWaits, type Pending, whenEncoded } from "./embedding-waits.ts";

type Priority = "look" | "prefetch";

interface Entry {
  abort: AbortController;
  details: Promise<ImageDetails>;
  /** As they were when they were last loaded. */
  annotations: Promise<ImageAnnotations>;
  file: Promise<Blob>;
  embedding: Promise<ArrayBuffer>;
  priority: Priority;
  /** The encoder's last word while the embedding is not there. */
  pending: Pending | null;
  onPending: ((pending: Pending) => void) | null;
}

/** All that is loaded of an image. */
export interface Loading extends Pick<Entry, "details" | "file" | "embedding"> {
  /** As they are now; without the server as they were when the image was loaded ahead: it can be worked on offline. */
  annotations(): Promise<ImageAnnotations>;
}

const AHEAD = 3;
const KEPT = 7; // the open image, the next that waits, three ahead, one behind, and the one that was just left
const POLL = { look: 1500, prefetch: 6000 } as const; // ms, in case the event stream is down

export class ImageCache {
  /** Oldest use first. */
  private readonly entries = new Map<number, Entry>();

  constructor(
    private readonly client: Client,
    private readonly waits: EmbeddingWaits,
    /** Hash of the weights whose embeddings are wanted; a change of it calls for {@link clear}. */
    private readonly model: () => Promise<string>,
    /** Among which images neighbours are; a change of it calls for {@link clear}, too. */
    private readonly listing: () => Listing,
  ) {}

  /** Everything about the image being looked at; `onPending` hears how far the encoder is. */
  look(id: number, onPending: (pending: Pending) => void): Loading {
    const ahead = this.entries.get(id)?.annotations;
    const entry = this.take(id, "look");
    entry.priority = "look";
    entry.onPending = onPending;
    if (entry.pending) onPending(entry.pending);
    this.waits.wake(id); // one that was being prefetched asks again now, and moves to the front of the queue
    const { details, file, embedding } = entry;
    const annotations = async () => (ahead ? this.newest(id, entry, ahead) : entry.annotations);
    return { details, file, embedding, annotations };
  }

  /** Load the next image that waits, which submitting opens; then the next three images and the previous one, nearest first. */
  async prefetchAround(details: ImageDetails, waiting: number | null): Promise<void> {
    const { previous_id: previous } = details;
    if (waiting !== null) await this.prefetch(waiting);
    let next = details.next_id;
    for (let step = 0; step < AHEAD && next !== null; step++) next = await this.prefetch(next);
    if (previous !== null) await this.prefetch(previous);
  }

  /** The embedding of an image that is loaded ahead, or on its way; null of any other. */
  embeddingAhead(id: number): Promise<ArrayBuffer> | null {
    return this.entries.get(id)?.embedding ?? null;
  }

  /** @returns the image after `id`; null when there is none or it does not load: opening it will say why. */
  private async prefetch(id: number): Promise<number | null> {
    return await this.take(id, "prefetch").details.then(
      (details) => details.next_id,
      () => null,
    );
  }

  forget(id: number): void {
    this.entries.get(id)?.abort.abort();
    this.entries.delete(id);
  }

  clear(): void {
    for (const id of [...this.entries.keys()]) this.forget(id);
  }

  private take(id: number, priority: Priority): Entry {
    const entry = this.entries.get(id) ?? this.load(id, priority);
    this.entries.delete(id);
    this.entries.set(id, entry); // most recently used last
    for (const oldest of this.entries.keys()) {
      if (this.entries.size <= KEPT) break;
      this.forget(oldest);
    }
    return entry;
  }

  private load(id: number, priority: Priority): Entry {
    const abort = new AbortController();
    const { signal } = abort;
    const entry: Entry = {
      abort,
      details: this.client.image(id, { signal, listing: this.listing() }),
      annotations: this.client.annotations(id, { signal }),
      file: this.client.file(id, { signal }),
      embedding: Promise.resolve(new ArrayBuffer(0)), // set below: it needs the entry
      priority,
      pending: null,
      onPending: null,
    };
    entry.embedding = this.embedding(id, entry);
    // A prefetch that fails is forgotten, so that opening the image tries again and then reports.
    for (const part of [entry.details, entry.annotations, entry.file, entry.embedding]) {
      part.catch(() => {
        if (this.entries.get(id) === entry) this.entries.delete(id);
      });
    }
    return entry;
  }

  private async newest(
    id: number,
    entry: Entry,
    ahead: Promise<ImageAnnotations>,
  ): Promise<ImageAnnotations> {
    try {
      const annotations = await this.client.annotations(id, { signal: entry.abort.signal });
      entry.annotations = Promise.resolve(annotations);
      return annotations;
    } catch (error) {
      if (error instanceof NetworkError) return await ahead;
      throw error;
    }
  }

  private async embedding(id: number, entry: Entry): Promise<ArrayBuffer> {
    const { signal } = entry.abort;
    return await whenEncoded({
      ask: async () => this.client.embedding(id, entry.priority, { model: await this.model(), signal }),
      wait: () => this.waits.next(id, POLL[entry.priority], signal),
      onPending: (pending) => {
        entry.pending = pending;
        if (pending) entry.onPending?.(pending);
      },
      signal,
    });
  }
}
