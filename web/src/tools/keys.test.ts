import { describe, expect, it } from "vitest";
import * as obstacles from "../session/obstacles.ts";
import type { Command } from "./actions/table.ts";
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
  ["y", null],
  ["Ctrl+k", "palette"],
])("%s means %s", (combination, command) => expect(press(combination)).toBe(command));

describe("layouts", () => {
  const means = (combination: string, code: string) => Keymap.of().commandOf(pressed(combination, { code }));

  it.each([
    ["и", "KeyB", "brush"], // Russian
    ["И", "KeyB", "brush"], // with Caps Lock
    ["Ctrl+я", "KeyZ", "undo"],
    ["Ctrl+Shift+Я", "KeyZ", "redo"],
    ["х", "BracketLeft", "smaller"],
    ["β", "KeyB", "brush"], // Greek
    ["נ", "KeyB", "brush"], // Hebrew
    ["لا", "KeyB", "brush"], // Arabic has two letters on this key
    ["Ctrl+ئ", "KeyZ", "undo"],
    ["ج", "BracketLeft", "smaller"],
    ["ю", "Period", "nextComment"],
    ["ץ", "Period", "nextComment"],
    ["ิ", "KeyB", "brush"], // Thai, a sign above a letter
    ["Ctrl+ผ", "KeyZ", "undo"],
    ["ภ", "Digit4", "category3"], // where Latin layouts have digits
    ["۲", "Digit2", "category1"], // Persian digits
    ["২", "Digit2", "category1"], // Bengali ones
    ["ㅠ", "KeyB", "brush"], // Korean
    ["Process", "KeyB", "brush"], // an input method that waits for more
    ["Enter", "Enter", "accept"],
    ["ق", "KeyR", "correct"],
    ["ه", "KeyI", "labels"],
    ["ت", "KeyJ", null],
    ["ث", "KeyE", "eraser"],
  ])("of another script count by where the key %s is (%s)", (combination, code, command) => {
    expect(means(combination, code)).toBe(command);
  });

  it.each([
    ["a", "KeyQ", "previous"], // AZERTY
    ["z", "KeyW", "zoomToSelection"],
    ["x", "KeyB", "refuse"], // Dvorak
    ["é", "Digit2", null],
    ["ö", "Semicolon", null],
  ])("of Latin script count by the letter %s (%s)", (combination, code, command) => {
    expect(means(combination, code)).toBe(command);
  });
});

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
    "Press X, or Ctrl + Z. “Discard the mask; unselect” or {unknown}.",
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
