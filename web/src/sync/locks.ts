/** Exclusive sections across the tabs of one browser, and which of its tabs live. */

export interface Locks {
  /**
   * Runs `work` when no other holder of `name` is left, and resolves with its result. Rejects when `signal` ends the waiting.
   */
  exclusive<T>(name: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** The same at once or not at all: null when there is another holder. */
  ifFree<T>(name: string, work: () => Promise<T>): Promise<T | null>;
}

export interface Presence {
  /** Takes `name` for as long as this tab lives; resolves when it is taken. */
  hold(name: string): Promise<void>;
  /** Runs `work` if no tab that lives holds `name`; else null. Who asks does not hold it: several may do so at once. */
  ifGone<T>(name: string, work: () => Promise<T>): Promise<T | null>;
}

/** The Web Locks API: one tab at a time, released by the browser when a tab dies. */
export class BrowserLocks implements Locks, Presence {
  /** @param scope sets these names apart from those of others on the same origin */
  constructor(private readonly scope: string) {}

  async exclusive<T>(name: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    return await navigator.locks.request(this.scoped(name), signal ? { signal } : {}, work);
  }

  hold(name: string): Promise<void> {
    return new Promise((held, refused) => {
      const forEver = () => {
        held();
        return new Promise<never>(() => undefined);
      };
      navigator.locks.request(this.scoped(name), forEver).catch(refused);
    });
  }

  async ifFree<T>(name: string, work: () => Promise<T>): Promise<T | null> {
    return await this.atOnce(name, "exclusive", work);
  }

  async ifGone<T>(name: string, work: () => Promise<T>): Promise<T | null> {
    return await this.atOnce(name, "shared", work);
  }

  private async atOnce<T>(name: string, mode: LockMode, work: () => Promise<T>): Promise<T | null> {
    const request = async (lock: Lock | null) => (lock ? await work() : null);
    return await navigator.locks.request(this.scoped(name), { ifAvailable: true, mode }, request);
  }

  private scoped(name: string): string {
    return `${this.scope} ${name}`;
  }
}

/**
 * Exclusive within this tab only, for pages that are not served from a secure context and so have no Web Locks.
 *
 * Two tabs may then send the same operation; its operation id keeps the server from storing it twice. And a tab that opens an
 * image may go on with what another one is drawing there, which then exists in both.
 */
export class TabLocks implements Locks, Presence {
  private readonly tails = new Map<string, Promise<unknown>>();
  private readonly held = new Set<string>();

  async exclusive<T>(name: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const previous = this.tails.get(name) ?? Promise.resolve();
    const start = () => {
      signal?.throwIfAborted();
      return work();
    };
    const run = previous.then(start, start);
    this.tails.set(name, run);
    try {
      return await run;
    } finally {
      if (this.tails.get(name) === run) this.tails.delete(name);
    }
  }

  async hold(name: string): Promise<void> {
    this.held.add(name);
  }

  async ifFree<T>(name: string, work: () => Promise<T>): Promise<T | null> {
    return this.tails.has(name) ? null : await this.exclusive(name, work);
  }

  async ifGone<T>(name: string, work: () => Promise<T>): Promise<T | null> {
    return this.held.has(name) ? null : await work();
  }
}

export function availableLocks(scope: string): Locks & Presence {
  return "locks" in navigator ? new BrowserLocks(scope) : new TabLocks();
}
