/**
 * Everything that the undo history of one image covers, as one immutable value, and the changes to it.
 *
 * Each change is a step: the document on both sides of it, and the operations that tell the server, in either direction.
 */

import { type Draft, isDrawn, type KeptDraft, NO_DRAFT } from "../core/draft.ts";
import type { Step } from "../core/history.ts";
import { NO_PROMPTS, type PromptPoint, type Prompts } from "../core/prompts.ts";
import type { Rle } from "../core/rle.ts";
import type { Annotation, Operation } from "./types.ts";

/** By category: whether all of it are annotated on the image, as somebody said. What is missing nobody knows. */
export type Exhaustive = ReadonlyMap<number, boolean>;
export const NOTHING_SAID: Exhaustive = new Map();

export interface Document extends Draft {
  readonly annotations: readonly Annotation[];
  /** uids of suggestions that were refused here. */
  readonly refused: readonly string[];
  readonly exhaustive: Exhaustive;
}

/** A document without what is being drawn. */
type Settled = Pick<Document, "annotations"> & Partial<Pick<Document, "refused" | "exhaustive">>;

export type DocumentStep = Step<Document, Operation>;

export function openDocument(
  annotations: readonly Annotation[],
  refused: readonly string[] = [],
  exhaustive = NOTHING_SAID,
): Document {
  return { annotations, refused, exhaustive, ...NO_DRAFT };
}

/** Whether an object is being drawn. */
export const hasDraft: (document: Document) => boolean = isDrawn;

/**
 * With a draft from elsewhere. One of an annotation that is no longer there becomes an object of its own, when there is more
 * to it than that it was reopened.
 */
export function withDraft(
  { annotations, refused = [], exhaustive = NOTHING_SAID }: Settled,
  { prompts, edited, shown, reopenedUid, startedAt }: Draft,
): Document {
  const known = annotations.some(({ uid }) => uid === reopenedUid);
  if (reopenedUid === null || known)
    return { annotations, refused, exhaustive, prompts, edited, shown, reopenedUid, startedAt };
  const worked = edited !== null || prompts.points.length > 0 || prompts.box !== null;
  return worked
    ? { annotations, refused, exhaustive, prompts, edited, shown, reopenedUid: null, startedAt }
    : openDocument(annotations, refused, exhaustive);
}

/** A mask made by hand for the object being drawn; what was asked of the model is settled with it. */
export function editDraft(before: Document, edited: Rle, now: number): DocumentStep {
  const startedAt = before.startedAt ?? now;
  return local(before, { ...before, edited, prompts: NO_PROMPTS, shown: null, startedAt });
}

/** A mask that a hand is still making, as a draft: of the object being drawn, or of a saved annotation. */
export function unfinished(before: Document, mask: Rle, uid: string | null, now: number): Document {
  if (uid === null) return editDraft(before, mask, now).after;
  return { ...before, ...NO_DRAFT, edited: mask, reopenedUid: uid, startedAt: now };
}

/** A mask made by hand for a saved annotation, which nobody is drawing. */
export function editMask(
  before: Document,
  uid: string,
  changes: Pick<Annotation, "segmentation" | "provenance">,
): DocumentStep {
  return update(before, uid, changes, before);
}

/** Two steps as one: the second begins where the first ends. */
export function joined(first: DocumentStep, second: DocumentStep): DocumentStep {
  return {
    before: first.before,
    after: second.after,
    forward: [...first.forward, ...second.forward],
    backward: [...second.backward, ...first.backward],
    again: [...first.again, ...second.again],
  };
}

/** New prompts for the object being drawn; which candidate is shown is open again. */
export function setPrompts(before: Document, prompts: Prompts, now: number): DocumentStep {
  const after = { ...before, prompts, shown: null, startedAt: before.startedAt ?? now };
  return local(before, hasDraft(after) ? after : { ...before, ...NO_DRAFT });
}

export function addPoint(before: Document, point: PromptPoint, now: number): DocumentStep {
  const { prompts } = before;
  return setPrompts(before, { ...prompts, points: [...prompts.points, point] }, now);
}

export function movePoint(before: Document, index: number, point: PromptPoint, now: number): DocumentStep {
  return setPrompts(before, { ...before.prompts, points: before.prompts.points.with(index, point) }, now);
}

export function removePoint(before: Document, index: number, now: number): DocumentStep {
  return setPrompts(before, { ...before.prompts, points: before.prompts.points.toSpliced(index, 1) }, now);
}

/** Show another candidate. */
export function show(before: Document, index: number): DocumentStep {
  return local(before, { ...before, shown: index });
}

/** Forget the object being drawn. A reopened annotation stays as it was. */
export function drop(before: Document): DocumentStep {
  return local(before, { ...before, ...NO_DRAFT });
}

/** An annotation with a position above all others. */
export function onTop({ annotations }: Document, annotation: Annotation): Annotation {
  const highest = Math.max(-1, ...annotations.map(({ position }) => position ?? -1));
  return { ...annotation, position: highest + 1 };
}

/** Save the object being drawn as a new annotation. */
export function create(before: Document, annotation: Annotation): DocumentStep {
  const { uid } = annotation;
  const placed = onTop(before, annotation);
  return {
    before,
    after: openDocument([...before.annotations, placed], before.refused, before.exhaustive),
    forward: [{ kind: "create", ...placed }],
    backward: [{ kind: "delete", uid }],
    again: [{ kind: "restore", uid }],
  };
}

/** Save the object being drawn as the new mask of the reopened annotation. */
export function replaceMask(
  before: Document,
  uid: string,
  changes: Pick<Annotation, "segmentation" | "provenance">,
): DocumentStep {
  return update({ ...before, ...NO_DRAFT }, uid, changes, before);
}

export function setCategory(before: Document, uid: string, categoryId: number | null): DocumentStep {
  return update(before, uid, { category_id: categoryId }, before);
}

/** Delete a saved annotation. If it was reopened, what was being drawn goes with it. */
export function remove(before: Document, uid: string): DocumentStep {
  const draft = before.reopenedUid === uid ? NO_DRAFT : {};
  const annotations = before.annotations.filter((annotation) => annotation.uid !== uid);
  const deletion: Operation[] = [{ kind: "delete", uid }];
  const after = { ...before, ...draft, annotations };
  return { before, after, forward: deletion, backward: [{ kind: "restore", uid }], again: deletion };
}

/** Go on drawing a saved annotation. */
export function reopen(
  before: Document,
  uid: string,
  draft: Omit<Draft, "reopenedUid" | "edited">,
): DocumentStep {
  return local(before, { ...before, ...NO_DRAFT, ...draft, reopenedUid: uid });
}

/** Refuse a suggestion. */
export function refuse(before: Document, uid: string): DocumentStep {
  const refusal: Operation[] = [{ kind: "verdict", uid, refused: true }];
  return {
    before,
    after: { ...before, refused: [...before.refused, uid] },
    forward: refusal,
    backward: [{ kind: "verdict", uid, refused: false }],
    again: refusal,
  };
}

/** With what is said of one more category; null: nobody knows. */
export function withSaid(known: Exhaustive, categoryId: number, exhaustive: boolean | null): Exhaustive {
  const said = new Map(known);
  if (exhaustive === null) said.delete(categoryId);
  else said.set(categoryId, exhaustive);
  return said;
}

/** Say whether all of a category are annotated, or that nobody knows. */
export function sayExhaustive(
  before: Document,
  uid: string,
  categoryId: number,
  exhaustive: boolean | null,
): DocumentStep {
  const say = (value: boolean | null): Operation[] => [
    { kind: "exhaustivity", uid, category_id: categoryId, exhaustive: value },
  ];
  return {
    before,
    after: { ...before, exhaustive: withSaid(before.exhaustive, categoryId, exhaustive) },
    forward: say(exhaustive),
    backward: say(before.exhaustive.get(categoryId) ?? null),
    again: say(exhaustive),
  };
}

export function findAnnotation(document: Document, uid: string | null): Annotation | null {
  return document.annotations.find((annotation) => annotation.uid === uid) ?? null;
}

export function update(
  target: Document,
  uid: string,
  changes: Partial<Annotation>,
  before: Document,
): DocumentStep {
  const current = findAnnotation(before, uid);
  if (!current) throw new RangeError(`There is no annotation ${uid} on this image.`);
  const keys = Object.keys(changes) as (keyof Annotation)[];
  const original = Object.fromEntries(keys.map((key) => [key, current[key]])) as Partial<Annotation>;
  const forward: Operation[] = [{ kind: "update", uid, changes }];
  const annotations = before.annotations.map((annotation) =>
    annotation === current ? { ...current, ...changes } : annotation,
  );
  return {
    before,
    after: { ...target, annotations },
    forward,
    backward: [{ kind: "update", uid, changes: original }],
    again: forward,
  };
}

/** A step that the server does not hear of. */
function local(before: Document, after: Document): DocumentStep {
  return { before, after, forward: [], backward: [], again: [] };
}

/** Masks that were edited write their RLE when asked to: what is kept and sent has it as text. */
export function asPlainData(operation: Operation): Operation {
  const plain = (mask: Rle): Rle => ({ size: mask.size, counts: mask.counts });
  if (operation.kind === "create") return { ...operation, segmentation: plain(operation.segmentation) };
  if (operation.kind !== "update" || !operation.changes.segmentation) return operation;
  const { segmentation } = operation.changes;
  return { ...operation, changes: { ...operation.changes, segmentation: plain(segmentation) } };
}

/**
 * The object being drawn and the polygon under way, null when there is neither. Copies of it (structuredClone, IndexedDB) are
 * plain data.
 */
export function keptDraft(
  document: Document,
  { categoryId, region, outline = null }: Pick<KeptDraft, "categoryId" | "region" | "outline">,
): KeptDraft | null {
  if (!hasDraft(document) && !outline) return null;
  const { prompts, edited, shown, reopenedUid, startedAt } = document;
  return { prompts, edited, shown, reopenedUid, startedAt, categoryId, region, outline };
}
