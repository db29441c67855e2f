/** An earlier state of an annotation, brought back: an edit like any other, which can be undone. */

import { type Document, type DocumentStep, findAnnotation, update } from "./document.ts";
import { added, counted, type Effort } from "./provenance.ts";
import type { Annotation } from "./types.ts";

const FIELDS = ["category_id", "segmentation", "iscrowd", "attributes"] as const;

/**
 * Make an annotation what it once was, or bring back one that was deleted. What it has cost since stays: nobody gets the time
 * back. Null when it is so already.
 * @param once as it was
 * @param asDeleted whether it is as it was when it was deleted: then the server knows it so
 */
export function bringBack(
  before: Document,
  once: Annotation,
  effortOf: (annotation: Annotation) => Effort,
  asDeleted = false,
): DocumentStep | null {
  const current = findAnnotation(before, once.uid);
  if (!current) return restored(before, once, asDeleted);
  if (isAs(current, once)) return null;
  const differs = FIELDS.filter((field) => !isSame(current[field], once[field]));
  const changes: Partial<Annotation> = Object.fromEntries(differs.map((field) => [field, once[field]]));
  if (changes.segmentation) changes.provenance = withCost(once.provenance, effortOf(current));
  return update(before, once.uid, changes, before);
}

/** Whether an annotation is what it once was, as far as people see it. */
export function isAs(current: Annotation, once: Annotation): boolean {
  return FIELDS.every((field) => isSame(current[field], once[field]));
}

function restored(before: Document, once: Annotation, asDeleted: boolean): DocumentStep {
  const { uid, position, category_id, segmentation, iscrowd, attributes, provenance } = once;
  const content = { category_id, segmentation, iscrowd, attributes, provenance };
  const annotation: Annotation = { uid, ...content, ...(position !== undefined && { position }) };
  const place = before.annotations.findIndex((each) => (each.position ?? Infinity) > (position ?? Infinity));
  const at = place < 0 ? before.annotations.length : place;
  return {
    before,
    after: { ...before, annotations: before.annotations.toSpliced(at, 0, annotation) },
    forward: [
      { kind: "restore", uid },
      ...(asDeleted ? [] : [{ kind: "update" as const, uid, changes: content }]),
    ],
    backward: [{ kind: "delete", uid }],
    again: [{ kind: "restore", uid }], // as it was when that was undone
  };
}

function withCost(provenance: Annotation["provenance"], effort: Effort): Annotation["provenance"] {
  if (!provenance) return null;
  const most = (a: number | null | undefined, b: number | null) => Math.max(a ?? 0, b ?? 0);
  const cost = added(null, {
    seconds: effort.seconds === null ? null : most(provenance.seconds, effort.seconds),
    clicks: effort.clicks === null ? null : most(provenance.clicks, effort.clicks),
  });
  return { ...provenance, ...(cost.seconds !== null && counted(cost)) };
}

function isSame(a: unknown, b: unknown): boolean {
  return canonical(a) === canonical(b);
}

/** As text that does not depend on the order in which keys were written. */
function canonical(value: unknown): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if ("counts" in value && "size" in value) return `${value.size} ${value.counts}`; // a mask writes its runs when asked to
  if (Array.isArray(value)) return `[${value.map(canonical)}]`;
  const entries = Object.entries(value).sort(([x], [y]) => (x < y ? -1 : 1));
  return `{${entries.map(([key, each]) => `${JSON.stringify(key)}:${canonical(each)}`)}}`;
}
