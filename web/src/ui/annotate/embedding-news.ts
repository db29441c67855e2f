/** Lets those who wait for an embedding know that the server has said something about it. */
export class EmbeddingNews {
  private readonly waiting = new Map<number, Set<() => void>>();

  tell(imageId: number): void {
    for (const wake of this.waiting.get(imageId) ?? []) wake();
  }

  /** Resolves at the next news of `imageId`, or after `milliseconds` when the event stream brings none. */
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
