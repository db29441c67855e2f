/** What a hand changes: the object being drawn, else the selected annotation, else a new object. */

import { ColumnMask } from "../core/column-mask.ts";
import { replaced } from "../core/combine.ts";
import { m } from "../texts/messages.ts";
import type { AnnotationList } from "./annotation-list.svelte.ts";
import * as edit from "./document.ts";
import type { DocumentStore } from "./document-store.svelte.ts";
import type { Draft } from "./draft.svelte.ts";
import type { EffortMeter } from "./effort-meter.ts";
import type { HandOptions } from "./hand-options.svelte.ts";
import { settle, withTaken } from "./overlap.ts";
import { byHand } from "./provenance.ts";
import type { Selection } from "./selection.svelte.ts";
import type { Annotation, HandTool, Notice, SessionImage, ToolName } from "./types.ts";

/** What the editor sees of its session. */
export interface MaskHost {
  readonly image: SessionImage | null;
  readonly tool: ToolName;
  readonly store: DocumentStore;
  readonly list: AnnotationList;
  readonly selection: Selection;
  readonly draft: Draft;
  readonly effort: EffortMeter;
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

export class MaskTarget {
  constructor(
    private readonly host: MaskHost,
    private readonly options: HandOptions,
  ) {}

  /** The selected annotation, if that is what a hand changes. */
  get selected(): Annotation | null {
    const { store, selection, list, tool } = this.host;
    if (!isHandTool(tool) || edit.hasDraft(store.document)) return null;
    const selected = edit.findAnnotation(store.document, selection.uid);
    return selected && !list.isHidden(selected.uid) ? selected : null;
  }

  find(): Target | null {
    const { selected } = this;
    if (selected) return { uid: selected.uid, mask: ColumnMask.from(selected.segmentation) };
    if (!this.host.image) return null;
    const { mask } = this.host.draft;
    return { uid: null, mask: mask && ColumnMask.from(mask) };
  }

  /** @returns the mask that the target has from now on */
  apply(made: ColumnMask): ColumnMask {
    const target = this.find()!;
    const mask = target.mask ? replaced(target.mask, made) : made;
    if (mask === target.mask || (!target.mask && mask.isEmpty)) return mask;
    const { store, effort } = this.host;
    const { document } = store;
    if (target.uid !== null) this.applyTo(target.uid, mask, target.mask!);
    else if (mask.isEmpty && !document.reopenedUid) store.commit(edit.drop(document));
    else store.commit(edit.editDraft(document, mask, effort.workedUntil()));
    return mask;
  }

  change(make: (mask: ColumnMask) => ColumnMask): void {
    const target = this.find();
    if (!target || !this.mayChange(target.uid)) return;
    this.apply(make(target.mask ?? ColumnMask.empty(this.host.image!)));
  }

  private applyTo(uid: string, mask: ColumnMask, before: ColumnMask): void {
    const { store, effort } = this.host;
    const { document } = store;
    const others = document.annotations.filter((other) => other.uid !== uid);
    const settled = settle(mask, before, others, this.options.overlap, (each) =>
      this.host.list.isLocked(each),
    );
    if (settled.mask === before) return;
    if (settled.mask.isEmpty) {
      store.commit(edit.remove(document, uid));
      this.host.notify({ level: "info", message: m.annotate_object_emptied() });
      return;
    }
    const annotation = edit.findAnnotation(document, uid)!;
    const provenance = byHand(annotation.provenance, effort.byHand(annotation));
    const changes = { segmentation: settled.mask, provenance };
    store.commit(withTaken(edit.editMask(document, uid, changes), settled.taken));
  }

  mayChange(uid: string | null): boolean {
    const locked = uid !== null && this.host.list.isLocked(uid);
    if (locked) this.complain(m.annotate_object_locked());
    return !locked;
  }

  complain(message: string): void {
    this.host.notify({ level: "error", message });
  }
}
