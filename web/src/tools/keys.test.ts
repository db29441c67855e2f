import { beforeEach, describe, expect, it } from "vitest";
import { imagePoint } from "../core/geometry.ts";
import { FakeDecoder } from "../decoder/fake-decoder.test-support.ts";
import * as obstacles from "../session/obstacles.ts";
import { createSession, type Session } from "../session/session.svelte.ts";
import type { Annotation, Operation } from "../session/types.ts";
import type { Command } from "./command-table.ts";
import { perform } from "./commands.ts";
import { belongsToControl, chordOf, type KeyInput, Keymap, refusal, spoken, written } from "./keys.ts";

/** "Ctrl+Shift+Z" as the browser would tell it. */
function pressed(combination: string, more: Partial<KeyInput> = {}): KeyInput {
  const parts = combination === "+" ? ["+"] : combination.split("+");
  const has = (modifier: string) => parts.includes(modifier);
  const modifiers = { ctrlKey: has("Ctrl"), metaKey: has("Cmd"), shiftKey: has("Shift"), altKey: has("Alt") };
  return { key: parts.at(-1)!, ...modifiers, ...more };
}

const press = (combination: string): Command | null => Keymap.of().commandOf(pressed(combination));

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
  ["Delete", "remove"],
  ["Shift+{", "muchSmaller"],
  ["?", "sheet"],
  ["Shift+?", "sheet"],
  ["Shift+1", "category0"], // where digits need it
  ["Shift", null],
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
  const belongs = (combination: string, focused: typeof field) =>
    belongsToControl(pressed(combination), focused);
  expect(["Tab", "Enter", " ", "h", "Ctrl+Enter"].map((each) => belongs(each, button))).toEqual([
    true,
    true,
    true,
    false,
    false,
  ]);
  expect(belongs("h", field)).toBe(true);
  expect(belongs("Tab", page)).toBe(false);
});

describe("keys as they are written", () => {
  it.each([
    ["Ctrl+Shift+Z", "Ctrl+Shift+z", "Ctrl + Shift + Z", "Control+Shift+z"],
    ["Cmd+z", "Ctrl+z", "Ctrl + Z", "Control+z"],
    ["Shift+{", "{", "{", "{"],
    ["+", "+", "+", "Plus"],
    [" ", " ", "Space", "Space"],
    ["ArrowLeft", "ArrowLeft", "←", "ArrowLeft"],
  ])("%s", (combination, chord, forPeople, forReaders) => {
    expect(chordOf(pressed(combination))).toBe(chord);
    expect(written(chord)).toBe(forPeople);
    expect(spoken([chord])).toBe(forReaders);
  });

  it("AltGr makes a sign and is no Alt", () => {
    const altGr = { ctrlKey: true, altKey: true, getModifierState: (name: string) => name === "AltGraph" };
    expect(chordOf(pressed("[", altGr))).toBe("[");
    expect(chordOf(pressed("[", { ctrlKey: true, altKey: true }))).toBeNull();
  });

  it("some cannot be had", () => {
    const refused = ["Alt+h", "Ctrl+w", "Ctrl+Shift+T", "Shift+ArrowUp"].map((each) =>
      refusal(pressed(each)),
    );
    expect(refused.every((why) => why !== "")).toBe(true);
    expect(refusal(pressed("Ctrl+s"))).toBe("");
  });
});

it("a layer of keys takes them from the others", () => {
  const keymap = Keymap.of({ next: ["f"], brush: ["Shift+1", "b"] }, { hide: ["b"] });
  const means = (combination: string, more = {}) => keymap.commandOf(pressed(combination, more));
  expect([means("f"), means("d"), means("b"), means("h")]).toEqual(["next", null, "hide", null]);
  expect(means("!", { shiftKey: true, code: "Digit1" })).toBe("brush");
  expect(keymap.keysOf("fill")).toEqual([]);
  expect([keymap.labelOf("fill"), keymap.labelOf("brush")]).toEqual(["", "Shift + 1"]);
});

it("texts name the keys that are bound now", () => {
  const keymap = Keymap.of({ cycle: ["x"], drop: [] });
  expect(keymap.inText("Press {cycle}, or {undo}. {drop} or {unknown}.")).toBe(
    "Press X, or Ctrl + Z. “Drop the mask; unselect” or {unknown}.",
  );
  expect([keymap.titled("Redo", "redo"), keymap.titled("Drop", "drop")]).toEqual([
    "Redo (Ctrl + Shift + Z, Ctrl + Y)",
    "Drop",
  ]);
});

it.each(Object.values(obstacles))(
  "what is said of an obstacle names commands that there are: $hint",
  (obstacle) => {
    expect(Keymap.of().inText(`${obstacle.message} ${obstacle.hint}`)).not.toMatch(/[{}]/);
  },
);

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
  let seen: string[];
  const viewer = { fit: () => seen.push("fit"), zoom: (direction: 1 | -1) => seen.push(`zoom ${direction}`) };
  const run = (combination: string) => perform(press(combination)!, session, viewer);

  beforeEach(() => {
    seen = [];
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
    session.drawing.addPoint(imagePoint(10, 20), 1);
    expect(run("Tab")).toBe(true); // faster than the answer
    await decoder.answer();
    expect(session.draft.shownIndex).toBe(3);
    expect([run("Shift+Tab"), session.draft.shownIndex]).toEqual([true, 2]);
    run("2");
    run("Enter");
    expect(operations).toMatchObject([{ kind: "create", category_id: 2 }]);
    run("Ctrl+z");
    run("Ctrl+y");
    expect(operations.map(({ kind }) => kind)).toEqual(["create", "delete", "restore"]);
  });

  it("work on the selected annotation", () => {
    expect([run("Delete"), run("l")]).toEqual([false, false]);
    session.selection.select("a");
    run("l");
    expect(session.list.annotations[0]!.locked).toBe(true);
    run("l");
    run("2");
    run("Enter");
    expect(session.draft.reopenedUid).toBe("a");
    run("Escape");
    expect([session.draft.reopenedUid, session.selection.uid]).toEqual([null, "a"]);
    run("Delete");
    expect(session.list.annotations.map(({ uid }) => uid)).toEqual(["b"]);
    run("Backspace");
    expect(run("5")).toBe(false);
  });

  it("hide the selected annotation, or all", () => {
    const hidden = () => session.list.annotations.map((each) => each.hidden);
    session.selection.select("b");
    run("h");
    expect(hidden()).toEqual([false, true]);
    run("Escape");
    run("h");
    expect(hidden()).toEqual([true, true]);
    run("h");
    expect(hidden()).toEqual([false, false]);
  });

  it("choose tools, fit the image and zoom", () => {
    run("w");
    expect(session.tool).toBe("box");
    run("q");
    expect(session.tool).toBe("points");
    run("Home");
    run("PageUp");
    run("PageDown");
    expect(seen).toEqual(["fit", "zoom 1", "zoom -1"]);
  });

  it("clean up what a hand tool would change, and nothing else", () => {
    expect([run("Shift+f"), run("g"), run("d"), run("Ctrl+s")]).toEqual([false, false, false, false]);
    session.selection.select("a");
    run("b");
    run("Shift+d"); // both parts are smaller than what is dropped
    expect(operations.map(({ kind }) => kind)).toEqual(["delete"]);
  });
});
