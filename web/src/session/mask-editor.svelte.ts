/**
 * Changing masks by hand: of the object being drawn, else of the selected annotation, else of a new object. A stroke is live
 * until it is finished, and then one step of the history.
 */

import { MAX_BRUSH, MIN_BRUSH, sweep } from "../core/brush.ts";
import { ColumnMask } from "../core/column-mask.ts";
import { replaced, subtract, union } from "../core/combine.ts";
import { dropIslandAt, dropIslands, fillHoleAt, fillHoles } from "../core/components.ts";
import type { ImagePoint } from "../core/geometry.ts";
import { maskFromRings, type Ring, ringsFromMask } from "../core/polygon.ts";
import type { Rle } from "../core/rle.ts";
import { simplify } from "../core/simplify.ts";
import * as edit from "./document.ts";
import { HandOptions } from "./hand-options.svelte.ts";
import { settle, withTaken } from "./overlap.ts";
import { byHand, type Effort } from "./provenance.ts";
import type { Reshaper } from "./reshaper.ts";
import type { Annotation, HandTool, Notice, SessionImage, ToolName } from "./types.ts";

/** What the editor sees of its session. */
export interface MaskHost {
  readonly image: SessionImage | null;
  readonly document: edit.Document;
  readonly selectedUid: string | null;
  readonly tool: ToolName;
  /** Whether the object being drawn has a mask. */
  readonly hasDraftMask: boolean;
  /** That mask as it is shown. Costs some time where it is an answer of the model. */
  readonly draftMask: Rle | null;
  /** Whether the object being drawn shows the mask that was made by hand, not an answer of the model. */
  readonly showsEdited: boolean;
  isHidden(uid: string): boolean;
  isLocked(uid: string): boolean;
  /** The moment for a step of the object being drawn. */
  workedUntil(): number;
  /** What a saved annotation has cost when it is changed now. */
  effortByHand(annotation: Annotation): Effort;
  commit(step: edit.DocumentStep): void;
  notify(notice: Notice): void;
}

/** What a hand changes. */
interface Target {
  /** Null for the object being drawn. */
  readonly uid: string | null;
  /** Null for an object that has none yet. */
  readonly mask: ColumnMask | null;
}

/** A mask that is painted while it can be changed. */
export interface Painting {
  readonly mask: ColumnMask;
  /** The saved annotation that it stands for, if any. */
  readonly uid: string | null;
}

const HAND_TOOLS: ReadonlySet<ToolName> = new Set<HandTool>([
  "brush",
  "eraser",
  "polygon",
  "fill",
  "vertices",
]);

export const isHandTool = (tool: ToolName): tool is HandTool => HAND_TOOLS.has(tool);

export class MaskEditor {
  readonly options = new HandOptions();
  /** True while a mask is reshaped in the background. */
  busy = $state.raw(false);
  private live = $state.raw<ColumnMask | null>(null);
  private ringChanges = $state.raw(0);
  /** A polygon whose corners are still being set. */
  private outline: { readonly ring: Ring; readonly subtracts: boolean } | null = null;
  /** Polygons from which masks were made: editing goes on with their corners. */
  private readonly knownRings = new WeakMap<ColumnMask, readonly Ring[]>();

  constructor(
    private readonly host: MaskHost,
    private readonly reshaper: Reshaper,
  ) {}

  /** What is painted pixel by pixel: the stroke under way, the draft made by hand, or what a hand tool would change. */
  readonly painting: Painting | null = $derived.by(() => {
    const { live } = this;
    const uid = this.selectedTarget?.uid ?? null;
    if (uid === null && !live && !this.host.showsEdited) return null;
    const mask = live ?? this.findTarget()?.mask;
    return mask ? { mask, uid: uid ?? this.host.document.reopenedUid } : null;
  });

  /** As values of their own: what depends on them stays as it is while a stroke goes on. */
  readonly isPainting = $derived(this.painting !== null);
  readonly paintedUid = $derived(this.painting?.uid ?? null);

  /** The polygon of what is painted, while its corners can be moved. */
  readonly rings: readonly Ring[] = $derived.by(() => {
    const target = this.host.tool === "vertices" ? this.findTarget() : null;
    return target?.mask ? this.ringsOf(target.mask) : [];
  });

  /** Whether there is a mask to clean up or to reshape. */
  get hasMask(): boolean {
    return this.selectedTarget !== null || this.host.hasDraftMask;
  }

  /** Begin a stroke. @returns false when there is nothing that may be changed */
  begin(): boolean {
    const target = this.findTarget();
    if (!target || !this.mayChange(target.uid)) return false;
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
    if (live) this.apply(live);
  }

  /** Forget the stroke. */
  cancel(): void {
    this.live = null;
  }

  addPolygon(ring: Ring, subtracts: boolean): void {
    this.change((mask) => this.withPolygon(mask, ring, subtracts));
  }

  /** A polygon is under way; without corners, none is any more. */
  sketch(ring: Ring, subtracts: boolean): void {
    this.outline = ring.length > 2 ? { ring, subtracts } : null;
  }

  /** Another value whenever a stroke or a polygon has gone on; null while there is none. */
  get progress(): object | null {
    return this.live ?? this.outline;
  }

  /** What is changed, as it would be if it were finished now. */
  get unfinished(): Painting | null {
    const { live, outline } = this;
    const target = live || outline ? this.findTarget() : null;
    if (!target) return null;
    if (live) return { mask: live, uid: target.uid };
    const mask = target.mask ?? ColumnMask.empty(this.host.image!);
    return { mask: this.withPolygon(mask, outline!.ring, outline!.subtracts), uid: target.uid };
  }

  private withPolygon(mask: ColumnMask, ring: Ring, subtracts: boolean): ColumnMask {
    const polygon = maskFromRings([ring], this.host.image!);
    return subtracts ? subtract(mask, polygon) : union(mask, polygon);
  }

  /** Fill the hole, or with `drops` remove the part, at a place. */
  fillAt(at: ImagePoint, drops: boolean): void {
    const target = this.findTarget();
    const filled = target?.mask && (drops ? dropIslandAt(target.mask, at) : fillHoleAt(target.mask, at));
    if (!target?.mask) this.complain("Select an object, or draw one: the fill tool works on its holes.");
    else if (!filled) this.complain(drops ? "No part of the mask is here." : "No hole of the mask is here.");
    else if (this.mayChange(target.uid)) this.apply(filled);
  }

  fillHoles(): void {
    this.change((mask) => fillHoles(mask, this.options.speck));
  }

  dropIslands(): void {
    this.change((mask) => dropIslands(mask, this.options.speck));
  }

  /** In the background; nothing happens when the mask has changed meanwhile. */
  async reshape(how: "grow" | "shrink" | "smooth"): Promise<void> {
    const target = this.findTarget();
    if (!target?.mask || this.busy || !this.mayChange(target.uid)) return;
    this.busy = true;
    try {
      const reshaped = await this.reshaper(target.mask, how, this.options.radius);
      if (this.findTarget()?.mask === target.mask) this.apply(reshaped);
    } catch (error) {
      this.complain(error instanceof Error ? error.message : String(error));
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
    const target = this.findTarget();
    if (!target || !this.mayChange(target.uid)) return;
    this.knownRings.set(this.apply(maskFromRings(rings, this.host.image!)), rings);
    this.ringChanges++;
  }

  /** Corners that were moved are taken back to what the tolerance makes of the mask. */
  setTolerance(tolerance: number): void {
    const mask = this.findTarget()?.mask;
    if (mask) this.knownRings.delete(mask);
    this.options.tolerance = tolerance;
  }

  private ringsOf(mask: ColumnMask): readonly Ring[] {
    const { tolerance } = this.options; // both read always, so that each change asks again
    void this.ringChanges;
    return this.knownRings.get(mask) ?? simplify(ringsFromMask(mask), tolerance);
  }

  private change(make: (mask: ColumnMask) => ColumnMask): void {
    const target = this.findTarget();
    if (!target || !this.mayChange(target.uid)) return;
    this.apply(make(target.mask ?? ColumnMask.empty(this.host.image!)));
  }

  /** The selected annotation, if that is what a hand changes. */
  private get selectedTarget(): Annotation | null {
    const { document, selectedUid, tool } = this.host;
    if (!isHandTool(tool) || edit.hasDraft(document)) return null;
    const selected = edit.findAnnotation(document, selectedUid);
    return selected && !this.host.isHidden(selected.uid) ? selected : null;
  }

  private findTarget(): Target | null {
    const selected = this.selectedTarget;
    if (selected) return { uid: selected.uid, mask: ColumnMask.from(selected.segmentation) };
    if (!this.host.image) return null;
    const { draftMask } = this.host;
    return { uid: null, mask: draftMask && ColumnMask.from(draftMask) };
  }

  /** @returns the mask that the target has from now on */
  private apply(made: ColumnMask): ColumnMask {
    const target = this.findTarget()!;
    const mask = target.mask ? replaced(target.mask, made) : made;
    if (mask === target.mask || (!target.mask && mask.isEmpty)) return mask;
    const { document } = this.host;
    if (target.uid !== null) this.applyTo(target.uid, mask, target.mask!);
    else if (mask.isEmpty && !document.reopenedUid) this.host.commit(edit.drop(document));
    else this.host.commit(edit.editDraft(document, mask, this.host.workedUntil()));
    return mask;
  }

  private applyTo(uid: string, mask: ColumnMask, before: ColumnMask): void {
    const { document } = this.host;
    const others = document.annotations.filter((other) => other.uid !== uid);
    const settled = settle(mask, before, others, this.options.overlap, (each) => this.host.isLocked(each));
    if (settled.mask === before) return;
    if (settled.mask.isEmpty) {
      this.host.commit(edit.remove(document, uid));
      this.host.notify({ level: "info", message: "The object had no pixels left and was deleted." });
      return;
    }
    const annotation = edit.findAnnotation(document, uid)!;
    const provenance = byHand(annotation.provenance, this.host.effortByHand(annotation));
    const changes = { segmentation: settled.mask, provenance };
    this.host.commit(withTaken(edit.editMask(document, uid, changes), settled.taken));
  }

  private mayChange(uid: string | null): boolean {
    const locked = uid !== null && this.host.isLocked(uid);
    if (locked) this.complain("This object is locked. Unlock it in the list to change it.");
    return !locked;
  }

  private complain(message: string): void {
    this.host.notify({ level: "error", message });
  }
}
