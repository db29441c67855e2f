/**
 * How many threads answer a model's clicks fastest on this machine. Threads wait for each other several hundred times in a
 * click, and where other programs hold the cores one is faster than two: that can only be tried. It is tried once for each
 * model, in workers of its own and while nobody asks for anything; what came out holds from the next time on.
 */

import type { ProviderWish } from "./decoder.ts";
import type { DecodeInputs } from "./graphs.ts";
import type { StartedWorker, StartWorker } from "./host.ts";
import type { Manifest } from "./manifest.ts";

export const QUIET = 20_000; // ms without a request: somebody looks, or is away
const ROUNDS = 5; // the fastest of which counts: whatever else the machine does only makes them slower
const WORTH = 0.9; // of the time with fewer threads: what is hardly faster takes cores away from everything else

/** A click that was asked for, and all that it takes to ask it again. */
export interface Click {
  readonly manifest: Manifest;
  readonly prepareGraph: ArrayBuffer;
  readonly decodeGraph: ArrayBuffer;
  readonly embedding: ArrayBuffer;
  readonly inputs: DecodeInputs;
}

type Memory = Pick<Storage, "getItem" | "setItem">;

export class ThreadChoice {
  private waiting: ReturnType<typeof setTimeout> | undefined;
  private trial: AbortController | null = null;

  /**
   * @param most threads that are possible here
   * @param memory null where nothing can be kept, so that nothing is tried
   */
  constructor(
    private readonly start: StartWorker,
    private readonly most: number,
    private readonly memory: Memory | null,
  ) {}

  /** What was fastest when it was tried; null when it never was. */
  known(model: Manifest): number | null {
    const found = Number(this.memory?.getItem(this.keyOf(model)));
    return Number.isInteger(found) && found >= 1 && found <= this.most ? found : null;
  }

  /** Somebody asked for this: not now, but once it has been quiet for a while. A trial that runs is given up. */
  later(click: Click): void {
    this.cancel();
    if (this.most === 1 || !this.memory || this.known(click.manifest) !== null) return;
    this.waiting = setTimeout(() => void this.try(click), QUIET);
  }

  cancel(): void {
    clearTimeout(this.waiting);
    this.trial?.abort();
    this.trial = null;
  }

  private async try(click: Click): Promise<void> {
    if (this.known(click.manifest) !== null) return; // another tab has done it
    const trial = new AbortController();
    this.trial = trial;
    try {
      const fastest = await this.fastestOf(this.candidates(), click, trial.signal);
      this.memory!.setItem(this.keyOf(click.manifest), String(fastest));
    } catch {
      // Given up, or a worker failed: the page goes on as it did, and the next quiet moment is another chance.
    } finally {
      trial.abort();
    }
  }

  private async fastestOf(counts: readonly number[], click: Click, given: AbortSignal): Promise<number> {
    const workers = counts.map(() => this.worker(given));
    for (const [index, { backend, ended }] of workers.entries()) {
      await Promise.race([ended, opened(backend, click, counts[index]!)]);
    }
    const times = counts.map(() => Number.POSITIVE_INFINITY);
    for (let round = 0; round < ROUNDS; round++) {
      for (const [index, { backend, ended }] of workers.entries()) {
        const { milliseconds } = await Promise.race([ended, backend.decode(click.inputs)]);
        times[index] = Math.min(times[index]!, milliseconds);
      }
    }
    return chosen(counts, times);
  }

  /** Ends with the signal; `ended` rejects then, or when the worker dies. */
  private worker(given: AbortSignal): StartedWorker & { readonly ended: Promise<never> } {
    let reject!: (reason: Error) => void;
    const ended = new Promise<never>((_, no) => {
      reject = no;
    });
    ended.catch(() => undefined); // whoever waits for an answer hears of it
    const started = this.start((reason) => reject(new Error(reason)));
    given.addEventListener("abort", () => {
      started.terminate();
      reject(new Error("given up"));
    });
    return { ...started, ended };
  }

  private candidates(): readonly number[] {
    return [...new Set([1, 2, this.most])];
  }

  private keyOf({ weights_sha256 }: Manifest): string {
    return `limner.threads.${this.most}.${weights_sha256}`;
  }
}

/** Fewer threads unless more are clearly faster. */
export function chosen(counts: readonly number[], times: readonly number[]): number {
  let best = 0;
  for (let index = 1; index < counts.length; index++) {
    if (times[index]! < WORTH * times[best]!) best = index;
  }
  return counts[best]!;
}

const ON_PROCESSOR: ProviderWish = "wasm";

/** Ready, and run once: the first run takes longer than the others. */
async function opened(backend: StartedWorker["backend"], click: Click, threads: number): Promise<void> {
  const { manifest, prepareGraph, decodeGraph, embedding, inputs } = click;
  await backend.load(manifest, prepareGraph, decodeGraph, ON_PROCESSOR, threads);
  await backend.open(embedding);
  await backend.decode(inputs);
}
