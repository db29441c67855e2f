import { expect, it } from "vitest";
import { COMMANDS } from "../tools/command-table.ts";
import { Keymap } from "../tools/keys.ts";
import { found } from "./sheet-search.ts";

const search = (text: string, keymap = Keymap.of()) =>
  COMMANDS.filter((info) => found(info, keymap, text)).map(({ command }) => command);

it("finds commands by what they do and by their keys", () => {
  expect(search("BRUSH")).toEqual(["brush", "smaller", "larger", "muchSmaller", "muchLarger"]);
  expect(search("b")).toEqual(["brush", "carry"]);
  expect(search("ctrl z")).toEqual(["undo"]);
  expect(search("Ctrl + Shift+z")).toEqual(["redo"]);
  expect(search("+")).toEqual(["foregroundHere"]);
  expect(search("esc")).toContain("drop");
  expect(search("no such thing")).toEqual([]);
  expect(search("  ")).toHaveLength(COMMANDS.length);
});

it("finds keys as they are now", () => {
  expect(search("x", Keymap.of({ brush: ["x"] }))).toEqual(["brush"]);
});
