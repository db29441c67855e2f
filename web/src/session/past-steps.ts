/** What a person did to an image before this page knew it, as an undo history: from the steps that the server has of them. */

import type { AnnotationContent, UndoSteps } from "../api/types.ts";
import { History } from "../core/history.ts";
import { type Document, type DocumentStep, findAnnotation, withDraft, withSaid } from "./document.ts";
import type { Annotation, Operation } from "./types.ts";

type UndoStep = UndoSteps["done"][number];
type StepOperation = UndoStep["operations"][number];

/** One operation and the one that takes it back, with the document after it. */
interface Change {
  readonly document: Document;
  readonly operation: Operation;
  readonly inverse: Operation;
}

const INVERSE = {
  create: "delete",
  restore: "delete",
  delete: "restore",
  update: "update",
  verdict: "verdict",
  exhaustivity: "exhaustivity",
} as const;

/**
 * What is being drawn stays as it is in all of it.
 *
 * @param document with which the steps end that are done, and those begin that were undone
 */
export function historyOf(
  document: Document,
  done: readonly UndoStep[],
  undone: readonly UndoStep[],
): History<Document, Operation> {
  const back = walk(document, done, (at, { id, operations }) => {
    const changes = changed(at, operations.toReversed(), (each) => INVERSE[each.kind]);
    return (
      changes && {
        id,
        before: changes.document,
        after: at,
        ...directions(changes.inverses, changes.operations),
      }
    );
  });
  const forth = walk(document, undone, (at, { id, operations }) => {
    const changes = changed(at, operations, ({ kind }) => (kind === "create" ? "restore" : kind));
    return (
      changes && {
        id,
        before: at,
        after: changes.document,
        ...directions(changes.operations, changes.inverses),
      }
    );
  });
  return History.of([...back.toReversed(), ...forth], back.length);
}

const directions = (again: readonly Operation[], backward: readonly Operation[]) => ({
  forward: again, // it was created once: it is restored from now on
  again,
  backward,
});

/** From the last step to the first, as far as they fit the document. */
function walk(
  document: Document,
  steps: readonly UndoStep[],
  make: (at: Document, step: UndoStep) => DocumentStep | null,
): DocumentStep[] {
  const made: DocumentStep[] = [];
  let at = document;
  for (const step of steps.toReversed()) {
    const next = make(at, step);
    if (!next) break;
    made.push(next);
    at = next.after === at ? next.before : next.after;
  }
  return made;
}

function changed(
  start: Document,
  operations: readonly StepOperation[],
  effect: (operation: StepOperation) => Exclude<StepOperation["kind"], "create">,
): { document: Document; operations: Operation[]; inverses: Operation[] } | null {
  const changes: Change[] = [];
  let document = start;
  for (const each of operations) {
    const change = applied(document, effect(each), each);
    if (!change) return null;
    changes.push(change);
    document = change.document;
  }
  return {
    document,
    operations: changes.map(({ operation }) => operation),
    inverses: changes.map(({ inverse }) => inverse).toReversed(),
  };
}

/** @returns null where the document has nothing that this could be done to */
function applied(
  document: Document,
  kind: Exclude<StepOperation["kind"], "create">,
  { uid, fields, refused, exhaustivity: said }: StepOperation,
): Change | null {
  const known = findAnnotation(document, uid);
  switch (kind) {
    case "verdict": {
      const others = document.refused.filter((each) => each !== uid);
      return {
        document: { ...document, refused: refused ? [...others, uid] : others },
        operation: { kind, uid, refused: refused === true },
        inverse: { kind, uid, refused: refused !== true },
      };
    }
    case "exhaustivity": {
      if (!said) return null;
      const { category_id, exhaustive } = said;
      const now = document.exhaustive.get(category_id) ?? null;
      return {
        document: { ...document, exhaustive: withSaid(document.exhaustive, category_id, exhaustive) },
        operation: { kind, uid, category_id, exhaustive },
        inverse: { kind, uid, category_id, exhaustive: now },
      };
    }
    case "delete":
      if (!known) return null;
      return {
        document: having(
          document,
          document.annotations.filter((each) => each !== known),
        ),
        operation: { kind, uid },
        inverse: { kind: "restore", uid },
      };
    case "restore":
      if (known || !fields) return null;
      return {
        document: having(document, placed(document.annotations, { ...(fields as AnnotationContent), uid })),
        operation: { kind, uid },
        inverse: { kind: "delete", uid },
      };
    case "update": {
      if (!known || !fields) return null;
      const changes = fields as Partial<AnnotationContent>;
      const keys = Object.keys(changes) as (keyof AnnotationContent)[];
      const original = Object.fromEntries(keys.map((key) => [key, known[key]])) as Partial<AnnotationContent>;
      const others = document.annotations.filter((each) => each !== known);
      return {
        document: having(document, placed(others, { ...known, ...changes })),
        operation: { kind, uid, changes },
        inverse: { kind, uid, changes: original },
      };
    }
  }
}

const having = (document: Document, annotations: readonly Annotation[]): Document =>
  withDraft({ annotations, refused: document.refused, exhaustive: document.exhaustive }, document);

/** From the bottom to the top. */
function placed(annotations: readonly Annotation[], annotation: Annotation): readonly Annotation[] {
  const position = annotation.position ?? Number.POSITIVE_INFINITY;
  const index = annotations.findIndex((each) => (each.position ?? Number.POSITIVE_INFINITY) > position);
  return index < 0 ? [...annotations, annotation] : annotations.toSpliced(index, 0, annotation);
}
