/** Exclusive sections across the tabs of one browser. */

export interface Locks {
  /** Runs `work` when no other holder of `name` is left, and resolves with its result. */
  exclusive<T>(name: string, work: () => Promise<T>): Promise<T>;
}

/** The Web Locks API: one tab at a time, released by the browser when a tab dies. */
export class BrowserLocks implements Locks {
  async exclusive<T>(name: string, work: () => Promise<T>): Promise<T> {
    return await navigator.locks.request(name, work);
  }
}

/**
 * Exclusive within this tab only, for pages that are not served from a secure context and so have no Web Locks.
 *
 * Two tabs may then send the same operation; its operation id keeps the server from storing it twice.
 */
export class TabLocks implements Locks {
  private readonly tails = new Map<string, Promise<unknown>>();

  async exclusive<T>(name: string, work: () => Promise<T>): Promise<T> {
    const previous = this.tails.get(name) ?? Promise.resolve();
    const run = previous.then(work, work);
    this.tails.set(name, run);
    try {
      return await run;
    } finally {
      if (this.tails.get(name) === run) this.tails.delete(name);
    }
  }
}

export function availableLocks(): Locks {
  return "locks" in navigator ? new BrowserLocks() : new TabLocks();
}
