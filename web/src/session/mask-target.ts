/** What a hand changes: the object being drawn, else the selected annotation, else a new object. */

import { ColumnMask } from "../core/column-mask.ts";
import { replaced } from "../core/combine.ts";
import type { Rle } from "../core/rle.ts";
import * as edit from "./document.ts";
import { HandOptions } from "./hand-options.svelte.ts";
import { settle, withTaken } from "./overlap.ts";
import { byHand, type Effort } from "./provenance.ts";
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
  /** Keep what is under way, for the case that the page is gone. */
  keepDraft(): void;
  notify(notice: Notice): void;
}

interface Target {
  /** Null for the object being drawn. */
  readonly uid: string | null;
  /** Null for an object that has none yet. */
  readonly mask: ColumnMask | null;
}

const HAND_TOOLS: ReadonlySet<ToolName> = new Set<HandTool>([
  "brush",
  "eraser",
  "polygon",
  "fill",
  "vertices",
]);

export const isHandTool = (tool: ToolName): tool is HandTool => HAND_TOOLS.has(tool);

export abstract class MaskTarget {
  readonly options = new HandOptions();

  constructor(protected readonly host: MaskHost) {}

  /** The selected annotation, if that is what a hand changes. */
  protected get selectedTarget(): Annotation | null {
    const { document, selectedUid, tool } = this.host;
    if (!isHandTool(tool) || edit.hasDraft(document)) return null;
    const selected = edit.findAnnotation(document, selectedUid);
    return selected && !this.host.isHidden(selected.uid) ? selected : null;
  }

  protected findTarget(): Target | null {
    const selected = this.selectedTarget;
    if (selected) return { uid: selected.uid, mask: ColumnMask.from(selected.segmentation) };
    if (!this.host.image) return null;
    const { draftMask } = this.host;
    return { uid: null, mask: draftMask && ColumnMask.from(draftMask) };
  }

  /** @returns the mask that the target has from now on */
  protected apply(made: ColumnMask): ColumnMask {
    const target = this.findTarget()!;
    const mask = target.mask ? replaced(target.mask, made) : made;
    if (mask === target.mask || (!target.mask && mask.isEmpty)) return mask;
    const { document } = this.host;
    if (target.uid !== null) this.applyTo(target.uid, mask, target.mask!);
    else if (mask.isEmpty && !document.reopenedUid) this.host.commit(edit.drop(document));
    else this.host.commit(edit.editDraft(document, mask, this.host.workedUntil()));
    return mask;
  }

  protected change(make: (mask: ColumnMask) => ColumnMask): void {
    const target = this.findTarget();
    if (!target || !this.mayChange(target.uid)) return;
    this.apply(make(target.mask ?? ColumnMask.empty(this.host.image!)));
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

  protected mayChange(uid: string | null): boolean {
    const locked = uid !== null && this.host.isLocked(uid);
    if (locked) this.complain("This object is locked. Unlock it in the list to change it.");
    return !locked;
  }

  protected complain(message: string): void {
    this.host.notify({ level: "error", message });
  }
}
