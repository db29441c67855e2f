/** What machines propose for the open image, and what is done with it: looked at, taken, refused. */

import type { Suggestion } from "../api/types.ts";
import type { ImagePoint } from "../core/geometry.ts";
import { newUuid } from "../core/ids.ts";
import { isNested, isSame } from "../core/overlap-ratio.ts";
import { area, contains, type Rle } from "../core/rle.ts";
import * as edit from "./document.ts";
import type { DocumentStore } from "./document-store.svelte.ts";
import type { EffortMeter } from "./effort-meter.ts";
import { addAll } from "./objects.ts";
import { type Effort, shared } from "./provenance.ts";
import type { Annotation, Provenance } from "./types.ts";

/** What suggestions act on; the session is one. */
export interface SuggestionsHost {
  readonly store: DocumentStore;
  readonly effort: EffortMeter;
  readonly categoryId: number | null;
}

const NOTHING: readonly Suggestion[] = [];

/**
 * What was asked, where the same question gives the mask again: a box has one answer, a point has several, and nobody has
 * kept which of them this is.
 */
function promptsOf({ box, points }: Suggestion["prompt"]): NonNullable<Provenance["prompts"]> | null {
  if (points !== undefined || !Array.isArray(box) || box.length !== 4) return null;
  const [left, top, right, bottom] = box.map(Number);
  return { points: [], box: [left!, top!, right!, bottom!], mask: false };
}

export class Suggestions {
  /** As the server told them, best first. */
  private all = $state.raw(NOTHING);
  /** Whether they are shown at all. */
  visible = $state.raw(true);
  /** Those with a lower score are hidden. */
  least = $state.raw(0);
  /** uid of the one that the pointer is over, or that a key has gone to. */
  private lit = $state.raw<string | null>(null);
  private since: readonly [at: number, clicks: number] = [0, 0];
  private readonly compared = new Map(
    [isSame, isNested].map((way) => [way, new WeakMap<Rle, WeakMap<Rle, boolean>>()]),
  );

  // Through values of their own: while prompts change, suggestions stay as they are.
  private readonly saved = $derived.by(() => this.host.store.document.annotations);
  private readonly refused = $derived.by(() => this.host.store.document.refused);
  /** Nobody has taken or refused them, and they are of no object that is there. */
  readonly open: readonly Suggestion[] = $derived.by(() => {
    if (this.all.length === 0) return NOTHING;
    const taken = new Set(this.saved.map(({ provenance }) => provenance?.origin?.suggestion));
    const refused = new Set(this.refused);
    return this.all.filter((each) => !taken.has(each.uid) && !refused.has(each.uid) && !this.isThere(each));
  });
  readonly shown: readonly Suggestion[] = $derived.by(() =>
    this.visible ? this.open.filter(({ score }) => score >= this.least) : NOTHING,
  );
  /** How many the least score hides. */
  readonly below: number = $derived(this.open.filter(({ score }) => score < this.least).length);
  readonly current: Suggestion | null = $derived(this.shown.find(({ uid }) => uid === this.lit) ?? null);

  constructor(private readonly host: SuggestionsHost) {}

  /** @param all best first */
  load(all: readonly Suggestion[]): void {
    const told = new Set(all.map(({ uid }) => uid));
    const { refused } = this.host.store.document;
    // The server tells nothing of refused ones, but undoing brings them back.
    const known = this.all.filter(({ uid }) => refused.includes(uid) && !told.has(uid));
    this.all = [...all, ...known].toSorted((a, b) => b.score - a.score);
  }

  /** Another image is open. */
  reset(): void {
    this.all = NOTHING;
    this.lit = null;
    this.turn();
  }

  /** Something else was done: the time that the next decision takes counts from here. */
  turn(): void {
    const { clock } = this.host.effort;
    this.since = [clock.now(), clock.clicks];
  }

  /** The smallest one there that is shown. */
  at([x, y]: ImagePoint): Suggestion | null {
    const here = this.shown.filter(({ segmentation, bbox: [left, top, width, height] }) => {
      const inBox = x >= left && y >= top && x < left + width && y < top + height;
      return inBox && contains(segmentation, x, y);
    });
    return here.toSorted((a, b) => a.area - b.area)[0] ?? null;
  }

  light(uid: string | null): void {
    this.lit = uid;
  }

  /** Go to the next one by score, or the one before. */
  walk(step: 1 | -1): void {
    const { shown } = this;
    if (shown.length === 0) return;
    const here = shown.findIndex(({ uid }) => uid === this.lit);
    const next = here < 0 ? (step > 0 ? 0 : shown.length - 1) : (here + step + shown.length) % shown.length;
    this.lit = shown[next]!.uid;
  }

  /**
   * It becomes an annotation, in the category that it names or else the chosen one; the next one is lit.
   * @returns uid of the annotation; null when there is no such suggestion
   */
  take(uid: string): string | null {
    const taken = this.shown.find((each) => each.uid === uid);
    if (!taken) return null;
    this.decide([taken], (effort) => this.add([taken], effort));
    const { annotations } = this.host.store.document;
    return annotations.findLast(({ provenance }) => provenance?.origin?.suggestion === uid)?.uid ?? null;
  }

  /** All that are shown become annotations, in one step. */
  takeAll(): void {
    const { shown } = this;
    if (shown.length > 0) this.decide(shown, (effort) => this.add(shown, effort));
  }

  refuse(uid: string): void {
    const refused = this.shown.find((each) => each.uid === uid);
    if (refused) this.decide([refused], () => edit.refuse(this.host.store.document, uid));
  }

  private add(taken: readonly Suggestion[], effort: Effort): edit.DocumentStep | null {
    const efforts = shared(effort, taken.length);
    const annotations = taken.map((each, index): Annotation => {
      const { uid, origin: source, score, segmentation, model_sha256, prompt } = each;
      const { seconds, clicks } = efforts[index]!;
      return {
        uid: newUuid(),
        category_id: each.category_id ?? this.host.categoryId,
        segmentation,
        iscrowd: 0,
        attributes: {},
        provenance: {
          model_sha256,
          mask_index: null,
          predicted_iou: null,
          prompts: promptsOf(prompt),
          seconds,
          ...(clicks !== null && { clicks }),
          origin: { suggestion: uid, source, score },
        },
      };
    });
    return addAll(this.host.store.document, annotations);
  }

  private decide(decided: readonly Suggestion[], step: (effort: Effort) => edit.DocumentStep | null): void {
    const { clock } = this.host.effort;
    const [at, clicks] = this.since;
    const made = step({ seconds: Math.max(0, clock.now() - at) / 1000, clicks: clock.clicks - clicks });
    if (!made) return;
    const last = this.shown.indexOf(decided.at(-1)!);
    const next = this.shown[last + 1]?.uid ?? null;
    const wasLit = decided.some(({ uid }) => uid === this.lit);
    this.host.store.commit(made);
    if (wasLit) this.lit = next;
  }

  /**
   * A detector proposes whole objects: what lies in an object that is there, or around it, is that object again, unless they are
   * known to be of different kinds, as a wheel and its car are.
   */
  private isThere({ segmentation, origin, category_id: kind }: Suggestion): boolean {
    return this.saved.some((saved) => {
      const sameKind = kind === null || saved.category_id === null || kind === saved.category_id;
      return this.isAlike(
        segmentation,
        saved.segmentation,
        origin === "detector" && sameKind ? isNested : isSame,
      );
    });
  }

  /** Masks are values: each pair is compared once in each way. */
  private isAlike(suggested: Rle, saved: Rle, compare: typeof isSame): boolean {
    const pairs = this.compared.get(compare)!;
    const known = pairs.get(saved) ?? new WeakMap<Rle, boolean>();
    const before = known.get(suggested);
    if (before !== undefined) return before;
    const alike = area(saved) > 0 && compare(suggested, saved);
    pairs.set(saved, known.set(suggested, alike));
    return alike;
  }
}
