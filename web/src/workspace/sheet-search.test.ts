import { expect, it } from "vitest";
import { ACTIONS } from "../tools/actions/table.ts";
import { Keymap } from "../tools/keys.ts";
import { found } from "./sheet-search.ts";

const search = (text: string, keymap = Keymap.of()) =>
  ACTIONS.filter((info) => found(info, keymap, text)).map(({ command }) => command);

it("finds commands by what they do and by their keys", () => {
  expect(search("BRUSH")).toEqual(["brush", "smaller", "larger", "muchSmaller", "muchLarger"]);
  expect(search("b")).toEqual(["brush", "propagate"]);
  expect(search("ctrl z")).toEqual(["undo"]);
  expect(search("Ctrl + Shift+z")).toEqual(["redo"]);
  expect(search("+")).toEqual(["foregroundHere"]);
  expect(search("esc")).toContain("drop");
  expect(search("no such thing")).toEqual([]);
  expect(search("  ")).toHaveLength(ACTIONS.length);
});

it("finds keys as they are now", () => {
  expect(search("x", Keymap.of({ brush: ["x"] }))).toEqual(["brush"]);
});
