/** Operations on saved annotations as a list: several at a time, each one step of the undo history. */

import { ColumnMask } from "../core/column-mask.ts";
import { union } from "../core/combine.ts";
import { partsOf } from "../core/components.ts";
import {
  type Document,
  type DocumentStep,
  findAnnotation,
  joined,
  onTop,
  remove,
  update,
} from "./document.ts";
import { byHand, type Effort, shared, summed } from "./provenance.ts";
import type { Annotation, Provenance } from "./types.ts";

/** What can be given to many annotations at once. */
export type Shared = Partial<Pick<Annotation, "category_id" | "iscrowd" | "attributes">>;

/** Change all that are not so already; null when none is left. */
export function changeAll(before: Document, uids: readonly string[], shared: Shared): DocumentStep | null {
  const keys = Object.keys(shared) as (keyof Shared)[];
  const differs = (uid: string) => {
    const annotation = findAnnotation(before, uid);
    return annotation !== null && keys.some((key) => annotation[key] !== shared[key]);
  };
  return inOneStep(
    before,
    uids.filter(differs).map((uid) => (document) => update(document, uid, shared, document)),
  );
}

export function removeAll(before: Document, uids: readonly string[]): DocumentStep | null {
  return inOneStep(
    before,
    uids.map((uid) => (document) => remove(document, uid)),
  );
}

/** Add annotations that exist nowhere yet; what is being drawn stays. */
export function addAll(before: Document, added: readonly Annotation[]): DocumentStep | null {
  return inOneStep(
    before,
    added.map((annotation) => (document) => add(document, annotation)),
  );
}

/**
 * The first annotation gets the pixels of all and has cost what all have, and the others go. Null when there are not two.
 * @throws RangeError when an annotation is not there
 */
export function merge(
  before: Document,
  uids: readonly string[],
  effortOf: (annotation: Annotation) => Effort,
): DocumentStep | null {
  const [first, ...others] = uids;
  if (first === undefined || others.length === 0) return null;
  const all = uids.map((uid) => known(before, uid));
  const segmentation = all
    .map((each) => ColumnMask.from(each.segmentation))
    .reduce(union)
    .toRle();
  const provenance = remade(all[0]!, summed(all.map(effortOf)));
  return inOneStep(before, [
    (document) => update(document, first, { segmentation, provenance }, document),
    ...others.map((uid) => (document: Document) => remove(document, uid)),
  ]);
}

/**
 * Every connected part becomes an annotation of its own; the largest keeps the identity. They share what the whole has cost, so
 * that what an image has cost stays the same. Null when there is one part only.
 * @throws RangeError when the annotation is not there
 */
export function split(
  before: Document,
  uid: string,
  newUid: () => string,
  effortOf: (annotation: Annotation) => Effort,
): DocumentStep | null {
  const whole = known(before, uid);
  const [largest, ...others] = partsOf(ColumnMask.from(whole.segmentation)).map((part) => part.toRle());
  if (!largest || others.length === 0) return null;
  const { category_id, iscrowd, attributes } = whole;
  const [kept, ...given] = shared(effortOf(whole), others.length + 1).map((effort) => remade(whole, effort));
  const pieces = others.map((segmentation, index) => {
    return { uid: newUid(), category_id, iscrowd, attributes, segmentation, provenance: given[index]! };
  });
  return inOneStep(before, [
    (document) => update(document, uid, { segmentation: largest, provenance: kept! }, document),
    ...pieces.map((piece) => (document: Document) => add(document, piece)),
  ]);
}

/**
 * Put an annotation at another place among the others, 0 at the bottom. Others give way only as far as there is no number left
 * between them. Null when it is there already.
 * @throws RangeError when the annotation is not there
 */
export function moveTo(before: Document, uid: string, place: number): DocumentStep | null {
  const moved = known(before, uid);
  const others = before.annotations.filter((each) => each !== moved);
  const at = Math.min(Math.max(place, 0), others.length);
  if (before.annotations.indexOf(moved) === at) return null;
  const order = others.toSpliced(at, 0, moved);
  const step = inOneStep(
    before,
    positionsIn(order, at).map(
      ([each, position]) =>
        (document) =>
          update(document, each.uid, { position }, document),
    ),
  );
  if (!step) return null;
  const placeOf = new Map(order.map((each, index) => [each.uid, index]));
  const annotations = step.after.annotations.toSorted((a, b) => placeOf.get(a.uid)! - placeOf.get(b.uid)!);
  return { ...step, after: { ...step.after, annotations } };
}

/** The positions that change so that all of `order` rise, the one at `at` having been put there. */
function positionsIn(order: readonly Annotation[], at: number): [Annotation, number][] {
  const positions = order.map(({ position }, index) => position ?? index);
  const below = positions[at - 1];
  const above = positions[at + 1];
  if (below === undefined) positions[at] = (above ?? 1) - 1;
  else if (above === undefined || above - below < 2) positions[at] = below + 1;
  else positions[at] = below + Math.floor((above - below) / 2);
  for (let index = 1; index < positions.length; index++) {
    positions[index] = Math.max(positions[index]!, positions[index - 1]! + 1);
  }
  return order.flatMap((each, index) =>
    each.position === positions[index] ? [] : [[each, positions[index]!]],
  );
}

/** No prompts give the mask any more. Where nothing was known of it, nothing is. */
function remade({ provenance }: Annotation, effort: Effort): Provenance | null {
  const known = provenance !== null || effort.seconds !== null || effort.clicks !== null;
  return known ? byHand(provenance, effort) : null;
}

function add(before: Document, annotation: Annotation): DocumentStep {
  const { uid } = annotation;
  const placed = onTop(before, annotation);
  return {
    before,
    after: { ...before, annotations: [...before.annotations, placed] },
    forward: [{ kind: "create", ...placed }],
    backward: [{ kind: "delete", uid }],
    again: [{ kind: "restore", uid }],
  };
}

function inOneStep(
  before: Document,
  changes: readonly ((document: Document) => DocumentStep)[],
): DocumentStep | null {
  let whole: DocumentStep | null = null;
  for (const change of changes) whole = whole ? joined(whole, change(whole.after)) : change(before);
  return whole;
}

function known(document: Document, uid: string): Annotation {
  const annotation = findAnnotation(document, uid);
  if (!annotation) throw new RangeError(`There is no annotation ${uid} on this image.`);
  return annotation;
}
