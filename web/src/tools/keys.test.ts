import { beforeEach, describe, expect, it } from "vitest";
import { imagePoint } from "../core/geometry.ts";
import { FakeDecoder } from "../session/decoder.test-support.ts";
import { createSession, type Session } from "../session/session.svelte.ts";
import type { Annotation, Operation } from "../session/types.ts";
import { perform } from "./commands.ts";
import { belongsToControl, type Command, commandOf } from "./keys.ts";

/** "Ctrl+Shift+Z" as the browser would tell it. */
function press(combination: string): Command | null {
  const parts = combination.split("+");
  const has = (modifier: string) => parts.includes(modifier);
  const modifiers = { ctrlKey: has("Ctrl"), metaKey: has("Cmd"), shiftKey: has("Shift"), altKey: has("Alt") };
  return commandOf({ key: parts.at(-1)!, ...modifiers });
}

it.each([
  ["Tab", "cycle"],
  ["Shift+Tab", "cycleBack"],
  ["Enter", "accept"],
  ["n", "accept"],
  ["N", "accept"],
  ["Ctrl+z", "undo"],
  ["Cmd+z", "undo"],
  ["Ctrl+Shift+Z", "redo"],
  ["Ctrl+y", "redo"],
  ["1", "category0"],
  ["0", "category9"],
  ["Delete", "delete"],
  ["Home", "fit"],
  ["Ctrl+n", null], // the browser's
  ["Ctrl+w", null],
  ["Ctrl+1", null],
  ["Alt+h", null],
  ["x", null],
])("%s means %s", (combination, command) => expect(press(combination)).toBe(command));

it("leaves keys to what has the focus", () => {
  const [field, button, page] = [
    { isEditable: true, isControl: false },
    { isEditable: false, isControl: true },
    { isEditable: false, isControl: false },
  ];
  expect(["Tab", "Enter", " ", "h"].map((key) => belongsToControl(key, button))).toEqual([
    true,
    true,
    true,
    false,
  ]);
  expect(belongsToControl("h", field)).toBe(true);
  expect(belongsToControl("Tab", page)).toBe(false);
});

describe("commands", () => {
  const annotation = (uid: string): Annotation => ({
    uid,
    category_id: 1,
    segmentation: { size: [48, 64], counts: "P3`0`l2" },
    iscrowd: 0,
    attributes: {},
    provenance: null,
  });
  let decoder: FakeDecoder;
  let operations: Operation[];
  let session: Session;
  let fits: number;
  const run = (combination: string) => perform(press(combination)!, session, () => fits++);

  beforeEach(() => {
    fits = 0;
    operations = [];
    decoder = new FakeDecoder();
    session = createSession({ decoder, record: (_, made) => operations.push(...made) });
    session.setCategories([
      { id: 1, name: "cat", color: "#ff0000" },
      { id: 2, name: "dog", color: "#00ff00" },
    ]);
    session.open({ id: 7, height: 48, width: 64 }, [annotation("a"), annotation("b")]);
  });

  it("draw, walk through the candidates and accept without the mouse", async () => {
    expect([run("Tab"), run("Enter")]).toEqual([false, false]);
    session.addPoint(imagePoint(10, 20), 1);
    await decoder.answer();
    expect([run("Tab"), session.shownIndex]).toEqual([true, 3]);
    expect([run("Shift+Tab"), session.shownIndex]).toEqual([true, 2]);
    run("2");
    run("Enter");
    expect(operations).toMatchObject([{ kind: "create", category_id: 2 }]);
    run("Ctrl+z");
    run("Ctrl+y");
    expect(operations.map(({ kind }) => kind)).toEqual(["create", "delete", "restore"]);
  });

  it("work on the selected annotation", () => {
    expect([run("Delete"), run("l")]).toEqual([false, false]);
    session.select("a");
    run("l");
    expect(session.annotations[0]!.locked).toBe(true);
    run("l");
    run("2");
    run("Enter");
    expect(session.reopenedUid).toBe("a");
    run("Escape");
    expect([session.reopenedUid, session.selectedUid]).toEqual([null, "a"]);
    run("Delete");
    expect(session.annotations.map(({ uid }) => uid)).toEqual(["b"]);
    run("Backspace");
    expect(run("5")).toBe(false);
  });

  it("hide the selected annotation, or all", () => {
    const hidden = () => session.annotations.map((each) => each.hidden);
    session.select("b");
    run("h");
    expect(hidden()).toEqual([false, true]);
    run("Escape");
    run("h");
    expect(hidden()).toEqual([true, true]);
    run("h");
    expect(hidden()).toEqual([false, false]);
  });

  it("choose tools and fit the image", () => {
    run("w");
    expect(session.tool).toBe("box");
    run("q");
    expect(session.tool).toBe("points");
    run("Home");
    expect(fits).toBe(1);
  });
});
