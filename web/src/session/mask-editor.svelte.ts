/** Changing masks by hand. A stroke is live until it is finished, and then one step of the history. */

import { MAX_BRUSH, MIN_BRUSH, sweep } from "../core/brush.ts";
import { ColumnMask } from "../core/column-mask.ts";
import { subtract, union } from "../core/combine.ts";
import { dropIslandAt, dropIslands, fillHoleAt, fillHoles } from "../core/components.ts";
import type { KeptOutline, Outline } from "../core/draft.ts";
import type { ImagePoint } from "../core/geometry.ts";
import { maskFromRings, type Ring, ringsFromMask } from "../core/polygon.ts";
import { simplify } from "../core/simplify.ts";
import { m } from "../texts/messages.ts";
import { HandOptions } from "./hand-options.svelte.ts";
import { type MaskHost, MaskTarget } from "./mask-target.ts";
import type { Reshaper } from "./reshaper.ts";

/** A mask that is painted while it can be changed. */
export interface Painting {
  readonly mask: ColumnMask;
  /** The saved annotation that it stands for, if any. */
  readonly uid: string | null;
}

export class MaskEditor {
  readonly options = new HandOptions();
  private readonly target: MaskTarget;
  /** A polygon whose corners are still being set. */
  outline = $state.raw<Outline | null>(null);
  /** True while a mask is reshaped in the background. */
  busy = $state.raw(false);
  private live = $state.raw<ColumnMask | null>(null);
  private ringChanges = $state.raw(0);
  /** Polygons from which masks were made: editing goes on with their corners. */
  private readonly knownRings = new WeakMap<ColumnMask, readonly Ring[]>();

  constructor(
    private readonly host: MaskHost,
    private readonly reshaper: Reshaper,
  ) {
    this.target = new MaskTarget(host, this.options);
  }

  /** What is painted pixel by pixel: the stroke under way, the draft made by hand, or what a hand tool would change. */
  readonly painting: Painting | null = $derived.by(() => {
    const { live } = this;
    const uid = this.target.selected?.uid ?? null;
    if (uid === null && !live && !this.host.draft.showsEdited) return null;
    const mask = live ?? this.target.find()?.mask;
    return mask ? { mask, uid: uid ?? this.host.draft.reopenedUid } : null;
  });

  /** As values of their own: what depends on them stays as it is while a stroke goes on. */
  readonly isPainting = $derived(this.painting !== null);
  readonly paintedUid = $derived(this.painting?.uid ?? null);

  /** The polygon of what is painted, while its corners can be moved. */
  readonly rings: readonly Ring[] = $derived.by(() => {
    const target = this.host.tool === "vertices" ? this.target.find() : null;
    return target?.mask ? this.ringsOf(target.mask) : [];
  });

  /** Whether there is a mask to clean up or to reshape. */
  get hasMask(): boolean {
    return this.target.selected !== null || this.host.draft.hasMask;
  }

  /** Begin a stroke. @returns false when there is nothing that may be changed */
  begin(): boolean {
    const target = this.target.find();
    if (!target || !this.target.mayChange(target.uid)) return false;
    this.live = target.mask ?? ColumnMask.empty(this.host.image!);
    return true;
  }

  /** The brush goes on in a straight line. @param size across, in image px */
  stroke(from: ImagePoint, to: ImagePoint, size: number, erases: boolean): void {
    if (!this.live) return;
    const pixels = Math.min(Math.max(Math.round(size), MIN_BRUSH), MAX_BRUSH);
    const swept = sweep(from, to, pixels, this.options.shape, this.host.image!);
    this.live = erases ? subtract(this.live, swept) : union(this.live, swept);
  }

  /** What was painted becomes a step of the history. */
  finish(): void {
    const { live } = this;
    this.live = null;
    if (live) this.target.apply(live);
  }

  /** Forget the stroke. */
  cancel(): void {
    this.live = null;
  }

  /** The polygon whose corners are being set: these from now on, kept at once. Without corners, none is under way. */
  sketch(ring: Ring, subtracts: boolean): void {
    if (ring.length === 0 && !this.outline) return;
    this.outline = ring.length > 0 ? { ring, subtracts } : null;
    this.host.keepDraft();
  }

  /** The polygon under way becomes pixels. Where nothing may be changed, it stays under way. */
  closeOutline(): void {
    const { outline } = this;
    const target = outline && this.target.find();
    if (!target || !this.target.mayChange(target.uid)) return;
    this.outline = null;
    const { image, store } = this.host;
    const { document } = store;
    const polygon = maskFromRings([outline.ring], image!);
    const mask = target.mask ?? ColumnMask.empty(image!);
    this.target.apply(outline.subtracts ? subtract(mask, polygon) : union(mask, polygon));
    if (store.document === document) this.host.keepDraft(); // no pixel has changed
  }

  /** The polygon under way, with the saved annotation that it would change. */
  get keptOutline(): KeptOutline | null {
    return this.outline && { ...this.outline, uid: this.target.selected?.uid ?? null };
  }

  /** Another value whenever a stroke has gone on; null while there is none. */
  get progress(): object | null {
    return this.live;
  }

  /** What a stroke changes, as it would be if it were finished now. */
  get unfinished(): Painting | null {
    const target = this.live && this.target.find();
    return target && { mask: this.live!, uid: target.uid };
  }

  /** Fill the hole, or with `drops` remove the part, at a place. */
  fillAt(at: ImagePoint, drops: boolean): void {
    const target = this.target.find();
    const filled = target?.mask && (drops ? dropIslandAt(target.mask, at) : fillHoleAt(target.mask, at));
    if (!target?.mask) this.target.complain(m.annotate_fill_no_object());
    else if (!filled) this.target.complain(drops ? m.annotate_fill_no_part() : m.annotate_fill_no_hole());
    else if (this.target.mayChange(target.uid)) this.target.apply(filled);
  }

  fillHoles(): void {
    this.target.change((mask) => fillHoles(mask, this.options.speck));
  }

  dropIslands(): void {
    this.target.change((mask) => dropIslands(mask, this.options.speck));
  }

  /** In the background; nothing happens when the mask has changed meanwhile. */
  async reshape(how: "grow" | "shrink" | "smooth"): Promise<void> {
    const target = this.target.find();
    if (!target?.mask || this.busy || !this.target.mayChange(target.uid)) return;
    this.busy = true;
    try {
      const reshaped = await this.reshaper(target.mask, how, this.options.radius);
      if (this.target.find()?.mask === target.mask) this.target.apply(reshaped);
    } catch (error) {
      this.target.complain(error instanceof Error ? error.message : String(error));
    } finally {
      this.busy = false;
    }
  }

  /** The mask as a polygon that is under way: shown, not kept. */
  previewRings(rings: readonly Ring[]): void {
    if (this.host.image) this.live = maskFromRings(rings, this.host.image);
  }

  /** The mask becomes that of a polygon, whose corners can be moved on. */
  setRings(rings: readonly Ring[]): void {
    this.live = null;
    const target = this.target.find();
    if (!target || !this.target.mayChange(target.uid)) return;
    this.knownRings.set(this.target.apply(maskFromRings(rings, this.host.image!)), rings);
    this.ringChanges++;
  }

  /** Corners that were moved are taken back to what the tolerance makes of the mask. */
  setTolerance(tolerance: number): void {
    const mask = this.target.find()?.mask;
    if (mask) this.knownRings.delete(mask);
    this.options.tolerance = tolerance;
  }

  private ringsOf(mask: ColumnMask): readonly Ring[] {
    const { tolerance } = this.options; // both read always, so that each change asks again
    void this.ringChanges;
    return this.knownRings.get(mask) ?? simplify(ringsFromMask(mask), tolerance);
  }
}
