import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { imagePoint } from "../core/geometry.ts";
import { History } from "../core/history.ts";
import { isEmpty, NO_PROMPTS } from "../core/prompts.ts";
import * as edit from "./document.ts";
import type { Annotation, Operation } from "./types.ts";

function annotation(uid: string, category: number | null = null): Annotation {
  return {
    uid,
    category_id: category,
    segmentation: { size: [2, 2], counts: "04" },
    iscrowd: 0,
    attributes: {},
    provenance: null,
  };
}

/** The server's rules for operations: create once, restore only what was deleted, change only what is there. */
class FakeServer {
  private readonly rows = new Map<string, { annotation: Annotation; deleted: boolean }>();

  constructor(annotations: readonly Annotation[]) {
    for (const row of annotations) this.rows.set(row.uid, { annotation: row, deleted: false });
  }

  apply(operation: Operation): void {
    const row = this.rows.get(operation.uid);
    if (operation.kind === "create") {
      expect(row).toBeUndefined();
      const { kind: _, ...created } = operation;
      this.rows.set(operation.uid, { annotation: created, deleted: false });
      return;
    }
    expect(row?.deleted).toBe(operation.kind === "restore");
    if (operation.kind === "update") row!.annotation = { ...row!.annotation, ...operation.changes };
    else row!.deleted = operation.kind === "delete";
  }

  get annotations(): Annotation[] {
    return [...this.rows.values()].filter((row) => !row.deleted).map((row) => row.annotation);
  }
}

const NOW = 1000;
const point = (x: number) => ({ at: imagePoint(x, x), label: 1 as const });
type Action = { name: string; pick: number };

/** The step that an annotator's action makes of a document, null when it does not apply. */
function stepFor(document: edit.Document, { name, pick }: Action, serial: number): edit.DocumentStep | null {
  const { prompts, annotations, reopenedUid } = document;
  const chosen = annotations[pick % Math.max(annotations.length, 1)];
  switch (name) {
    case "point":
      return edit.addPoint(document, point(pick), NOW);
    case "move":
      return prompts.points.length
        ? edit.movePoint(document, pick % prompts.points.length, point(serial), NOW)
        : null;
    case "unpoint":
      return prompts.points.length ? edit.removePoint(document, pick % prompts.points.length, NOW) : null;
    case "box":
      return edit.setPrompts(document, { ...prompts, box: [0, 0, pick + 1, 1] }, NOW);
    case "cycle":
      return isEmpty(prompts) ? null : edit.show(document, pick % 4);
    case "drop":
      return edit.hasDraft(document) ? edit.drop(document) : null;
    case "accept": {
      if (isEmpty(prompts)) return null;
      const drawn = annotation(`new-${serial}`, pick);
      const segmentation = { ...drawn.segmentation, counts: `0${serial}` };
      if (reopenedUid) return edit.replaceMask(document, reopenedUid, { segmentation, provenance: null });
      return edit.create(document, { ...drawn, segmentation });
    }
    case "category":
      return chosen ? edit.setCategory(document, chosen.uid, pick) : null;
    case "delete":
      return chosen ? edit.remove(document, chosen.uid) : null;
    default:
      return chosen
        ? edit.reopen(document, chosen.uid, { prompts: NO_PROMPTS, shown: pick % 4, startedAt: NOW })
        : null;
  }
}

const NAMES = ["point", "move", "unpoint", "box", "cycle", "drop", "accept", "category", "delete", "reopen"];
const actions = fc.array(
  fc.record({ name: fc.constantFrom(...NAMES, "undo", "redo"), pick: fc.nat({ max: 50 }) }),
  { maxLength: 200, size: "max" },
);

describe("any sequence of actions", () => {
  it("is undone to the first state and redone to the last, here and on the server", () => {
    fc.assert(
      fc.property(actions, (sequence) => {
        const first = edit.openDocument([annotation("a", 1), annotation("b")]);
        const server = new FakeServer(first.annotations);
        let document = first;
        let history = History.empty<edit.Document, Operation>();
        const tell = (operations: readonly Operation[]) => {
          for (const operation of operations) server.apply(operation);
          expect(server.annotations).toEqual(expect.arrayContaining([...document.annotations]));
          expect(server.annotations).toHaveLength(document.annotations.length);
        };
        const undo = () => {
          const step = history.toUndo;
          if (!step) return false;
          history = history.undone();
          document = step.before;
          tell(step.backward);
          return true;
        };
        const redo = () => {
          const step = history.toRedo;
          if (!step) return false;
          history = history.redone();
          document = step.after;
          tell(step.again);
          return true;
        };
        sequence.forEach((action, serial) => {
          if (action.name === "undo") undo();
          else if (action.name === "redo") redo();
          else {
            const step = stepFor(document, action, serial);
            if (!step) return;
            history = history.with(step);
            document = step.after;
            tell(step.forward);
          }
        });
        while (redo());
        const last = document;
        while (undo());
        expect(document).toEqual(first);
        while (redo());
        expect(document).toEqual(last);
      }),
      { numRuns: 200 },
    );
  });
});

describe("a document", () => {
  const open = edit.openDocument([annotation("a", 1)]);

  it("forgets a draft whose last prompt is taken away", () => {
    const drawn = edit.addPoint(open, point(3), NOW).after;
    expect(drawn.startedAt).toBe(NOW);
    expect(edit.removePoint(drawn, 0, NOW + 5).after).toEqual(open);
  });

  it("lets chooseMask decide again after a new prompt", () => {
    const cycled = edit.show(edit.addPoint(open, point(3), NOW).after, 2).after;
    expect(cycled.shown).toBe(2);
    expect(edit.addPoint(cycled, point(4), NOW + 9).after).toMatchObject({ shown: null, startedAt: NOW });
  });

  it("drops the draft of a deleted annotation", () => {
    const reopened = edit.reopen(open, "a", { prompts: NO_PROMPTS, shown: null, startedAt: NOW }).after;
    expect(edit.remove(reopened, "a").after).toEqual(edit.openDocument([]));
  });

  it("refuses to change an annotation that is not there", () => {
    expect(() => edit.setCategory(open, "z", 1)).toThrow("no annotation z");
  });
});
