import { expect, it } from "vitest";
import { maskHint } from "./mask-hint.ts";

const NOTHING = {
  active: false,
  decoding: false,
  canAccept: false,
  reopenedUid: null,
  uid: null,
  tool: "points",
} as const;

it.each([
  [NOTHING, false, true, /Point at an object/],
  [NOTHING, false, false, /being prepared/],
  [{ ...NOTHING, tool: "box" } as const, false, true, /Drag a box/],
  [{ ...NOTHING, active: true, decoding: true }, false, true, /Looking/],
  [{ ...NOTHING, active: true, decoding: true }, false, false, /as soon as the image is prepared/],
  [{ ...NOTHING, active: true, canAccept: true }, true, true, /painted by hand/],
  [{ ...NOTHING, active: true, canAccept: true }, false, true, /painted by hand/],
  [{ ...NOTHING, active: true, canAccept: true, reopenedUid: "a" }, true, true, /object as you changed it/],
  [{ ...NOTHING, active: true, reopenedUid: "a" }, false, true, /as it was saved/],
  [{ ...NOTHING, tool: "brush", uid: "a" } as const, true, true, /selected object/],
  [{ ...NOTHING, tool: "brush" } as const, true, true, /new mask, or select/],
])("says what is true of %j", ({ tool, uid, ...draft }, byHand, encoded, said) => {
  expect(maskHint({ tool, selection: { uid }, draft }, byHand, encoded)).toMatch(said);
});
