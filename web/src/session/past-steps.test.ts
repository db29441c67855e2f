import { beforeEach, expect, it } from "vitest";
import type { UndoSteps } from "../api/types.ts";
import { openDocument, remove, setPrompts } from "./document.ts";
import { DocumentStore } from "./document-store.svelte.ts";
import type { Annotation, Operation, OperationStep } from "./types.ts";

type UndoStep = UndoSteps["done"][number];

const content = (category_id: number | null, position: number): Omit<Annotation, "uid"> => ({
  category_id,
  segmentation: { size: [20, 30], counts: `mask${position}` },
  iscrowd: 0,
  attributes: {},
  provenance: null,
  position,
});
const A: Annotation = { uid: "a", ...content(1, 0) };
const B: Annotation = { uid: "b", ...content(2, 1) };
const C: Annotation = { uid: "c", ...content(3, 2) };

const step = (
  id: string,
  ...operations: [kind: UndoStep["operations"][number]["kind"], uid: string, fields?: object][]
) =>
  ({
    id,
    operations: operations.map(([kind, uid, fields]) => ({
      kind,
      uid,
      fields: fields ?? null,
      refused: null,
    })),
  }) as unknown as UndoStep;

let sent: [Operation[], OperationStep | null][];
let store: DocumentStore;

beforeEach(() => {
  sent = [];
  store = new DocumentStore((_before, operations, of) => {
    if (operations.length > 0) sent.push([[...operations], of]);
  });
});

const uids = () => store.document.annotations.map(({ uid }) => uid);

it("takes back and does again what was done before this page was opened, naming the same steps", () => {
  store.startWith(openDocument([{ ...A, category_id: 5 }, C]));
  store.precede(
    {
      done: [
        step("1", ["create", "a"]),
        step("2", ["create", "b"]),
        step("3", ["update", "a", { category_id: 1 }], ["delete", "b", content(2, 1)]),
      ],
      undone: [],
    },
    "",
  );
  const last = store.document;
  store.undo();
  expect(store.document.annotations).toEqual([A, B, C]);
  store.undo();
  store.undo();
  expect([uids(), store.canUndo]).toEqual([["c"], false]);
  expect(sent).toEqual([
    [
      [
        { kind: "restore", uid: "b" },
        { kind: "update", uid: "a", changes: { category_id: 1 } },
      ],
      { id: "3", way: "undone" },
    ],
    [[{ kind: "delete", uid: "b" }], { id: "2", way: "undone" }],
    [[{ kind: "delete", uid: "a" }], { id: "1", way: "undone" }],
  ]);
  sent = [];
  while (store.canRedo) store.redo();
  expect(store.document).toEqual(last);
  expect(sent.at(-1)).toEqual([
    [
      { kind: "update", uid: "a", changes: { category_id: 5 } },
      { kind: "delete", uid: "b" },
    ],
    { id: "3", way: "redone" },
  ]);
});

it("does again what was undone elsewhere, until something new is done", () => {
  store.startWith(openDocument([A]));
  const steps = { done: [], undone: [step("2", ["delete", "a"]), step("1", ["create", "b", content(2, 1)])] };
  store.precede(steps, "");
  store.redo();
  expect(uids()).toEqual(["a", "b"]);
  store.redo();
  expect([uids(), store.canRedo]).toEqual([["b"], false]);
  expect(sent.map(([operations]) => operations)).toEqual([
    [{ kind: "restore", uid: "b" }],
    [{ kind: "delete", uid: "a" }],
  ]);

  store.startWith(openDocument([A]));
  store.commit(remove(store.document, "a"));
  store.precede(steps, "");
  expect(store.canRedo).toBe(false);
});

it("puts what the server knows before what was done here meanwhile, and takes nothing twice", () => {
  store.startWith(openDocument([A, B]));
  store.commit(remove(store.document, "b"));
  const { id } = sent[0]![1]!;
  store.precede(
    { done: [step("1", ["create", "a"]), step(id, ["delete", "b", content(2, 1)])], undone: [] },
    "",
  );
  store.undo();
  expect(uids()).toEqual(["a", "b"]);
  store.undo();
  expect([uids(), store.canUndo]).toEqual([["b"], false]);
});

it("keeps what is being drawn", () => {
  const drawn = setPrompts(
    openDocument([A]),
    { points: [], box: [1, 2, 3, 4] as never, mask: null },
    0,
  ).after;
  store.startWith(drawn);
  store.precede({ done: [step("1", ["create", "a"])], undone: [] }, "");
  store.undo();
  expect([uids(), store.document.prompts]).toEqual([[], drawn.prompts]);
});

it("ends where a step does not fit what is there", () => {
  store.startWith(openDocument([A]));
  store.precede({ done: [step("1", ["create", "b"]), step("2", ["create", "a"])], undone: [] }, "why");
  store.undo();
  expect([store.canUndo, store.ended]).toEqual([false, "why"]);
  store.startWith(openDocument([]));
  expect(store.ended).toBe("");
});
