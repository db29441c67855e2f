import { expect, it } from "vitest";
import { maskHint } from "./mask-hint.ts";

const NOTHING = {
  drawing: false,
  decoding: false,
  canAccept: false,
  reopenedUid: null,
  selectedUid: null,
  tool: "points",
} as const;

it.each([
  [NOTHING, false, true, /Point at an object/],
  [NOTHING, false, false, /being encoded/],
  [{ ...NOTHING, tool: "box" } as const, false, true, /Drag a box/],
  [{ ...NOTHING, drawing: true, decoding: true }, false, true, /Looking/],
  [{ ...NOTHING, drawing: true, decoding: true }, false, false, /as soon as the image is encoded/],
  [{ ...NOTHING, drawing: true, canAccept: true }, true, true, /painted by hand/],
  [{ ...NOTHING, drawing: true, canAccept: true }, false, true, /painted by hand/],
  [{ ...NOTHING, drawing: true, canAccept: true, reopenedUid: "a" }, true, true, /object as you changed it/],
  [{ ...NOTHING, drawing: true, reopenedUid: "a" }, false, true, /as it was saved/],
  [{ ...NOTHING, tool: "brush", selectedUid: "a" } as const, true, true, /selected object/],
  [{ ...NOTHING, tool: "brush" } as const, true, true, /new mask, or select/],
])("says what is true of %j", (session, byHand, encoded, said) => {
  expect(maskHint(session, byHand, encoded)).toMatch(said);
});
