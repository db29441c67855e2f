/** Waiting for embeddings that the encoder has not made yet. */

import { ApiError } from "../api/errors.ts";
import type { EmbeddingAnswer } from "../api/types.ts";
import { m } from "../texts/messages.ts";

export type Pending = Exclude<EmbeddingAnswer, { state: "ready" }>;

interface Asking {
  ask: () => Promise<EmbeddingAnswer>;
  /** Resolves when it is worth asking again. */
  wait: () => Promise<void>;
  /** The encoder's last word; null once the embedding is there. */
  onPending: (pending: Pending | null) => void;
  signal: AbortSignal;
}

/**
 * Ask for an embedding until it is there.
 * @throws ApiError `encoder_failed`
 */
export async function whenEncoded({ ask, wait, onPending, signal }: Asking): Promise<ArrayBuffer> {
  for (;;) {
    const answer = await ask();
    if (answer.state === "ready") {
      onPending(null);
      return answer.bytes;
    }
    if (answer.state === "failed") {
      throw new ApiError("encoder_failed", answer.error ?? m.annotate_prepare_failed(), "", 500);
    }
    onPending(answer);
    await wait();
    signal.throwIfAborted();
  }
}

/** Wakes those who wait for an embedding when an event says something about it. */
export class EmbeddingWaits {
  private readonly waiting = new Map<number, Set<() => void>>();

  wake(imageId: number): void {
    for (const wake of this.waiting.get(imageId) ?? []) wake();
  }

  /** Resolves at the next event about `imageId`, or after `milliseconds` when the event stream brings none. */
  next(imageId: number, milliseconds: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const group = this.waiting.get(imageId) ?? new Set();
      this.waiting.set(imageId, group);
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        group.delete(done);
        if (group.size === 0) this.waiting.delete(imageId);
        resolve();
      };
      const timer = setTimeout(done, milliseconds);
      signal.addEventListener("abort", done);
      group.add(done);
    });
  }
}
