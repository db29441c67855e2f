import { describe, expect, it } from "vitest";
import { at, decoder, draft, draw, IMAGE, operations, saved, session } from "./session.test-support.ts";

describe("undo and redo", () => {
  it("cover prompts, choice and acceptance, and tell the server", async () => {
    await draw();
    session.drawing.cycle(1);
    session.drawing.accept();
    const { uid } = session.list.annotations[1]!;
    session.store.undo();
    expect(operations.at(-1)).toEqual({ kind: "delete", uid });
    expect(session.draft.prompts.points).toHaveLength(1);
    await decoder.answer();
    expect(session.draft.shownIndex).toBe(3);
    session.store.undo();
    session.store.undo();
    expect([session.draft.active, session.store.canUndo, session.store.canRedo]).toEqual([
      false,
      false,
      true,
    ]);
    for (let step = 0; step < 3; step++) session.store.redo();
    expect(operations.at(-1)).toEqual({ kind: "restore", uid });
    expect(session.list.annotations[1]!.uid).toBe(uid);
    expect(session.store.canRedo).toBe(false);
  });

  it("bring back what was deleted", () => {
    session.selection.select("saved");
    session.remove("saved");
    expect([session.list.annotations, session.selection.uid]).toEqual([[], null]);
    session.store.undo();
    expect(session.list.annotations).toHaveLength(1);
    expect(operations.map(({ kind }) => kind)).toEqual(["delete", "restore"]);
  });

  it("start anew when the server's state replaces ours", async () => {
    await draw();
    session.replaceAnnotations([]);
    expect([session.store.canUndo, session.draft.active, session.list.annotations]).toEqual([
      false,
      true,
      [],
    ]);
    expect(operations).toEqual([]);
  });
});

describe("what is being drawn", () => {
  it("is recorded with every step of it, and as gone together with what it became", async () => {
    await draw();
    session.drawing.show(3);
    session.chooseCategory(2);
    expect(draft).toMatchObject({
      prompts: session.draft.prompts,
      shown: 3,
      reopenedUid: null,
      categoryId: 2,
    });
    session.drawing.accept();
    expect([operations.at(-1)?.kind, draft]).toEqual(["create", null]);
    session.store.undo();
    expect([operations.at(-1)?.kind, draft?.shown]).toEqual(["delete", 3]);
    session.drawing.drop();
    expect(draft).toBeNull();
  });

  it("is there again as it was when the image is opened with it", async () => {
    await draw();
    session.drawing.show(3);
    session.chooseCategory(2);
    const kept = structuredClone(draft);
    session.close();
    session.chooseCategory(1);
    session.open(IMAGE, [saved], kept);
    expect([session.draft.active, session.categoryId, session.store.canUndo]).toEqual([true, 2, false]);
    await decoder.answer();
    expect(session.draft.shownIndex).toBe(3);
    session.drawing.accept();
    expect(operations.at(-1)).toMatchObject({
      kind: "create",
      category_id: 2,
      provenance: { mask_index: 3 },
    });
  });

  it("stays what it was when the image is left without an answer", () => {
    session.drawing.addPoint(at(10, 20), 1);
    expect(session.drawing.keep()).not.toBeNull();
    session.close();
    expect(draft?.prompts.points).toHaveLength(1);
  });

  it("becomes an object of its own when the annotation that it changes is gone", async () => {
    session.drawing.reopen("saved");
    session.drawing.addPoint(at(10, 20), 1);
    await decoder.answer();
    session.replaceAnnotations([]);
    expect([session.draft.active, session.draft.reopenedUid]).toEqual([true, null]);
    session.drawing.accept();
    expect(operations.at(-1)?.kind).toBe("create");
  });

  it("is nothing when an annotation was only reopened, and is gone", () => {
    session.drawing.reopen("saved");
    session.replaceAnnotations([]);
    expect([session.draft.active, draft]).toEqual([false, null]);
  });
});
