/** What becomes of pixels that a mask shares with other annotations. */

import { ColumnMask } from "../core/column-mask.ts";
import { intersect, subtract } from "../core/combine.ts";
import { intersection } from "../core/pixel-box.ts";
import { boundingBox, type Rle } from "../core/rle.ts";
import {
  create,
  type Document,
  type DocumentStep,
  editMask,
  findAnnotation,
  joined,
  remove,
  replaceMask,
} from "./document.ts";
import { byHand } from "./provenance.ts";
import type { Annotation, Provenance } from "./types.ts";

/** New pixels take those of other annotations, stay off them, or lie over them. */
export type OverlapPolicy = "overwrite" | "protect" | "allow";

export interface Settled {
  readonly mask: ColumnMask;
  /** Other annotations that lose pixels, and what they keep. */
  readonly taken: readonly { readonly other: Annotation; readonly rest: ColumnMask }[];
}

/**
 * Only pixels that are new to the mask are looked at: what overlapped before stays as it was.
 * @param before the mask as it was, null for a new one
 * @param isLocked annotations that keep their pixels, whatever the policy
 */
export function settle(
  mask: ColumnMask,
  before: ColumnMask | null,
  others: readonly Annotation[],
  policy: OverlapPolicy,
  isLocked: (uid: string) => boolean,
): Settled {
  if (policy === "allow") return { mask, taken: [] };
  let added = before ? subtract(mask, before) : mask;
  const meeting = others.filter(
    ({ segmentation }) => intersection(added.box, boundingBox(segmentation)) !== null,
  );
  let settled = mask;
  for (const { uid, segmentation } of meeting) {
    if (policy === "overwrite" && !isLocked(uid)) continue;
    const shared = intersect(added, ColumnMask.from(segmentation));
    settled = subtract(settled, shared);
    added = subtract(added, shared);
  }
  if (policy === "protect") return { mask: settled, taken: [] };
  const taken = meeting
    .filter(({ uid }) => !isLocked(uid))
    .map((other) => {
      const whole = ColumnMask.from(other.segmentation);
      return { other, whole, rest: subtract(whole, added) };
    });
  return { mask: settled, taken: taken.filter(({ whole, rest }) => rest !== whole) };
}

/** The step, and with it what it takes from others: one that loses everything is deleted. */
export function withTaken(step: DocumentStep, taken: Settled["taken"]): DocumentStep {
  return taken.reduce((sum, { other, rest }) => {
    const loss = rest.isEmpty
      ? remove(sum.after, other.uid)
      : editMask(sum.after, other.uid, { segmentation: rest, provenance: byHand(other.provenance) });
    return joined(sum, loss);
  }, step);
}

/** What a new annotation has besides its mask. */
export type Fresh = Omit<Annotation, "segmentation" | "provenance">;

/**
 * Save the object being drawn: as the reopened annotation, else as a new one.
 * @returns null when others keep all of its pixels
 */
export function saveStep(
  document: Document,
  mask: Rle,
  provenance: Provenance,
  fresh: Fresh,
  policy: OverlapPolicy,
  isLocked: (uid: string) => boolean,
): DocumentStep | null {
  const reopened = findAnnotation(document, document.reopenedUid);
  const save = (segmentation: Rle) =>
    reopened
      ? replaceMask(document, reopened.uid, { segmentation, provenance })
      : create(document, { ...fresh, segmentation, provenance });
  if (policy === "allow") return save(mask);
  const before = reopened && ColumnMask.from(reopened.segmentation);
  const others = document.annotations.filter((each) => each !== reopened);
  const settled = settle(ColumnMask.from(mask), before, others, policy, isLocked);
  return settled.mask.isEmpty ? null : withTaken(save(settled.mask), settled.taken);
}
