/** Pure functions over operations: what an operation makes of an annotation, and whether two states are the same. */
import type {
  Annotation,
  AnnotationContent,
  AnnotationOperation,
  MarkOperation,
  Operation,
} from "../api/types.ts";
import type { QueuedOperation } from "./database.ts";

/** One annotation as a writer believes it to be; a deleted one keeps its content so that it can be restored. */
export interface Belief {
  content: AnnotationContent;
  deleted: boolean;
}

export function contentOf(source: AnnotationContent): AnnotationContent {
  const { category_id, segmentation, iscrowd, attributes, provenance, position } = source;
  const content = { category_id, segmentation, iscrowd, attributes, provenance };
  return position === undefined ? content : { ...content, position };
}

/** The belief after `operation`, or an Error when it names an annotation that the writer does not know. */
export function applyOperation(belief: Belief | undefined, operation: AnnotationOperation): Belief {
  switch (operation.kind) {
    case "create":
      return { content: contentOf(operation), deleted: false };
    case "update":
      return { content: { ...known(belief, operation).content, ...operation.changes }, deleted: false };
    case "delete":
      return { content: known(belief, operation).content, deleted: true };
    case "restore":
      return { content: known(belief, operation).content, deleted: false };
  }
}

function known(belief: Belief | undefined, operation: AnnotationOperation): Belief {
  if (!belief)
    throw new Error(
      `cannot ${operation.kind} annotation ${operation.uid}: this image has none with that uid`,
    );
  return belief;
}

export function visible(belief: Belief | undefined): AnnotationContent | null {
  return belief && !belief.deleted ? belief.content : null;
}

/**
 * A string that is equal for two states exactly when a person would call them the same annotation.
 *
 * Provenance is left out: it says how the mask came about, and two writers never disagree about the result through it. So is
 * the position: of two people who put things in order the later one counts, annotation by annotation.
 */
export function print(content: AnnotationContent | Annotation | null): string | null {
  if (content === null) return null;
  const attributes = Object.entries(content.attributes).sort(([a], [b]) => (a < b ? -1 : 1));
  const { size, counts } = content.segmentation;
  return JSON.stringify([content.category_id, size, counts, content.iscrowd, attributes]);
}

export function groupBy<T>(rows: readonly T[], key: (row: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const row of rows) groups.set(key(row), [...(groups.get(key(row)) ?? []), row]);
  return groups;
}

/** Whether it changes an annotation, rather than saying something of the image or of a suggestion. */
function isOnAnnotation(operation: Operation | MarkOperation): operation is AnnotationOperation {
  return !["mark", "verdict", "exhaustivity"].includes(operation.kind);
}

type Update = Extract<Operation, { kind: "update" }>;

const isNewMask = (operation: Operation | MarkOperation): operation is Update =>
  operation.kind === "update" && operation.changes.segmentation !== undefined;

/** Whether an operation does nothing but put annotations in order. */
export function isReordering(operation: Operation | MarkOperation): boolean {
  return operation.kind === "update" && Object.keys(operation.changes).every((key) => key === "position");
}

/**
 * Two operations of one writer as one, where the second leaves nothing of the first to be seen: new masks of one annotation.
 * Behind a fast brush the queue stays short that way.
 *
 * @returns the first with the effect of both; null where they stay two
 */
export function merged(first: QueuedOperation, second: QueuedOperation): QueuedOperation | null {
  const { writer, seen, state, operation: earlier } = first;
  const { operation: later, after, created } = second;
  if (state !== "waiting" || writer !== second.writer || seen !== second.seen) return null;
  if (!isNewMask(earlier) || !isNewMask(later) || earlier.uid !== later.uid) return null;
  const operation: Operation = { ...earlier, changes: { ...earlier.changes, ...later.changes } };
  return { ...first, operation, after, created };
}

/**
 * The operations that bring an annotation to the server as it is now, for held ones that the server would not take one after
 * the other: what was wrong with an earlier one may have been put right by a later one.
 *
 * Empty when the annotation was never on the server and is gone here too.
 */
export function operationsAtOnce(held: readonly QueuedOperation[]): Operation[] {
  const [first] = held;
  const mine = held.at(-1)?.after ?? null;
  if (!first || !isOnAnnotation(first.operation)) return [];
  const { kind, uid } = first.operation;
  if (mine === null) return kind === "create" ? [] : [{ kind: "delete", uid }];
  if (kind === "create") return [{ kind, uid, ...contentOf(mine) }];
  const update: Operation = { kind: "update", uid, changes: contentOf(mine) };
  return kind === "restore" ? [{ kind, uid }, update] : [update];
}

/**
 * The operations that turn the server's state of an annotation into the writer's, for a conflict decided as "mine".
 *
 * Empty when both already agree.
 */
export function operationsTowards(
  uid: string,
  mine: AnnotationContent | null,
  theirs: AnnotationContent | null,
): Operation[] {
  if (print(mine) === print(theirs)) return [];
  if (mine === null) return [{ kind: "delete", uid }];
  const update: Operation = { kind: "update", uid, changes: contentOf(mine) };
  return theirs === null ? [{ kind: "restore", uid }, update] : [update];
}
