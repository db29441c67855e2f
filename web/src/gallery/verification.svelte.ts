/** The verification grid without its pixels: which mask is current, what is judged, sent in order, and undone. */

import type { MaskSample, MaskVerdict, VerifiedMask } from "../api/types.ts";
import type { SampleQuery, VerificationClient } from "../api/verification.ts";
import { wilson } from "./wilson.ts";

interface Done {
  readonly uid: string;
  readonly revision: number;
  readonly before: MaskVerdict | null;
}

/** What the verdicts on a sample say. `errors` are masks that are wrong, and those that were and have changed since. */
export interface Rate {
  readonly judged: number;
  readonly errors: number;
  readonly interval: readonly [low: number, high: number];
}

export function rateOf(masks: readonly VerifiedMask[]): Rate {
  const errors = masks.filter(({ verdict, mended }) => verdict === "wrong" || mended).length;
  const judged = masks.filter(({ verdict, mended }) => verdict !== null || mended).length;
  return { judged, errors, interval: wilson(errors, judged) };
}

export class Verification {
  masks = $state.raw<readonly VerifiedMask[]>([]);
  population = $state(0);
  loaded = $state(false);
  /** Place of the mask that keys are about. */
  current = $state(0);
  /** How many verdicts are on their way. */
  sending = $state(0);
  private done = $state.raw<readonly Done[]>([]);
  readonly rate: Rate = $derived(rateOf(this.masks));
  readonly canUndo: boolean = $derived(this.done.length > 0);
  private queue: Promise<void> = Promise.resolve();
  private asked = 0;

  constructor(
    private readonly client: Pick<VerificationClient, "sample" | "judge">,
    private readonly projectId: number,
    private readonly fail: (error: unknown) => void,
  ) {}

  /** @param at uid of the mask that is current then, if it is among them */
  async load(query: SampleQuery, at: string | null = null): Promise<void> {
    const mine = ++this.asked;
    await this.settled();
    const found: MaskSample = await this.client.sample(this.projectId, query);
    if (mine !== this.asked) return; // the newest question wins
    this.masks = found.masks;
    this.population = found.population;
    this.done = [];
    this.current = Math.max(
      0,
      at === null ? this.masks.findIndex(({ verdict }) => verdict === null) : this.placeOf(at),
    );
    this.loaded = true;
  }

  /** Resolves when every verdict is saved, or has failed. */
  settled(): Promise<void> {
    return this.queue;
  }

  /** Judge the current mask and go on to the next one. What is sent stays in the order in which it was said. */
  judge(verdict: MaskVerdict, { tell = true, stay = false } = {}): void {
    const mask = this.masks[this.current];
    if (!mask) return;
    this.done = [...this.done, { uid: mask.uid, revision: mask.revision, before: mask.verdict }];
    this.send(mask, verdict, tell);
    if (!stay) this.move(1);
  }

  /** Take the last verdict back, and look at its mask again. */
  undo(): void {
    const last = this.done.at(-1);
    if (!last) return;
    this.done = this.done.slice(0, -1);
    const place = this.placeOf(last.uid);
    const mask = this.masks[place];
    if (!mask || mask.revision !== last.revision) return;
    this.current = place;
    this.send(mask, last.before, true);
  }

  move(by: number): void {
    this.go(this.current + by);
  }

  go(place: number): void {
    this.current = Math.max(0, Math.min(this.masks.length - 1, place));
  }

  private placeOf(uid: string): number {
    return this.masks.findIndex((mask) => mask.uid === uid);
  }

  private send(mask: VerifiedMask, verdict: MaskVerdict | null, tell: boolean): void {
    this.put({ ...mask, verdict, mended: false });
    this.sending++;
    this.queue = this.queue.then(async () => {
      try {
        const saved = await this.client.judge(mask, verdict, tell);
        const now = this.masks[this.placeOf(mask.uid)];
        // Another verdict that was given meanwhile is on its way and stays; what was mended before is so again.
        if (now?.verdict === verdict && now.revision === saved.revision) this.put(saved);
      } catch (error) {
        const now = this.masks[this.placeOf(mask.uid)];
        if (now?.verdict === verdict) this.put(mask);
        this.done = this.done.filter(({ uid }) => uid !== mask.uid);
        this.fail(error);
      } finally {
        this.sending--;
      }
    });
  }

  private put(mask: VerifiedMask): void {
    const place = this.placeOf(mask.uid);
    if (place >= 0) this.masks = this.masks.with(place, mask);
  }
}
