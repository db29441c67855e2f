/** The corners of a polygon under way outlive their tab. */
import { beforeEach, expect, it } from "vitest";
import type { KeptDraft } from "../core/draft.ts";
import { imagePoint as at } from "../core/geometry.ts";
import { maskFromText } from "../core/masks.test-support.ts";
import { area } from "../core/rle.ts";
import { FakeDecoder } from "../decoder/fake-decoder.test-support.ts";
import { WorkClock } from "./pace.ts";
import { createSession, type Session } from "./session.svelte.ts";
import type { Operation } from "./types.ts";

const IMAGE = { id: 7, height: 6, width: 12 };
const CORNERS = [at(6, 0), at(10, 0), at(10, 4), at(6, 4)];
const annotation = {
  uid: "left",
  category_id: 1,
  segmentation: maskFromText(...Array(6).fill("####........")).toRle(),
  iscrowd: 0 as const,
  attributes: {},
  provenance: null,
};

let now: number;
let kept: (KeptDraft | null)[];
let operations: Operation[];
let clock: WorkClock;
let session: Session;

function newTab(): Session {
  clock = new WorkClock(() => now);
  const tab = createSession({
    decoder: new FakeDecoder(),
    clock,
    record: (_, made, draft) => {
      operations.push(...made);
      kept.push(structuredClone(draft));
    },
  });
  tab.setCategories([{ id: 1, name: "cat", color: "#ff0000" }]);
  return tab;
}

/** With the press that the toolbox tells of first. */
function setCorners(count: number, subtracts = false): void {
  for (let corners = 1; corners <= count; corners++) {
    clock.sign("press");
    if (corners === 1) session.working(true);
    session.masks.sketch(CORNERS.slice(0, corners), subtracts);
  }
}

/** The page is gone; another one opens the image. */
function openedAgain(draft = kept.at(-1)!, annotations = [annotation]): Session {
  const tab = newTab();
  tab.open(IMAGE, annotations, draft);
  return tab;
}

beforeEach(() => {
  now = 5_000_000;
  kept = [];
  operations = [];
  session = newTab();
  session.open(IMAGE, [annotation]);
  session.setTool("polygon");
  kept = [];
});

it("are kept from the first one on, each at once", () => {
  setCorners(3);
  expect(kept.map((each) => each?.outline?.ring.length)).toEqual([1, 2, 3]);
});

it("are there again, with what the polygon does", () => {
  for (const subtracts of [false, true]) {
    setCorners(2, subtracts);
    const tab = openedAgain();
    expect([tab.tool, tab.draft.active]).toEqual(["polygon", false]);
    expect(tab.masks.outline).toMatchObject({ ring: CORNERS.slice(0, 2), subtracts });
    expect(kept.at(-1)?.outline?.ring).toHaveLength(2); // for the next time
  }
});

it("are gone, also from what is kept, once they are a mask, are dropped, or another tool is chosen", () => {
  setCorners(4);
  session.masks.closeOutline();
  expect([kept.at(-1)?.outline, area(kept.at(-1)!.edited!)]).toEqual([null, 16]);
  session.drawing.drop();
  setCorners(2);
  session.masks.sketch([], false);
  expect(kept.at(-1)).toBeNull();
  setCorners(2);
  session.setTool("brush");
  expect([session.masks.outline, kept.at(-1)]).toEqual([null, null]);
});

it("go on changing the object that is drawn", () => {
  setCorners(4);
  session.masks.closeOutline();
  session.masks.sketch([at(0, 0), at(1, 0), at(1, 1)], true);
  const tab = openedAgain();
  tab.masks.sketch([at(6, 0), at(10, 0), at(10, 1), at(6, 1)], true);
  tab.masks.closeOutline();
  expect(area(tab.masks.painting!.mask)).toBe(12);
});

it("go on changing the saved annotation that was selected, and it alone", () => {
  session.selection.select("left");
  setCorners(4);
  const gone = openedAgain(kept.at(-1)!, []);
  gone.masks.closeOutline();
  expect([gone.selection.uid, area(gone.masks.painting!.mask)]).toEqual([null, 16]);
  const tab = openedAgain(kept.findLast((each) => each?.outline?.uid === "left")!);
  expect(tab.selection.uid).toBe("left");
  tab.masks.closeOutline();
  expect(area(tab.list.annotations[0]!.segmentation)).toBe(24 + 16);
  expect(kept.at(-1)).toBeNull();
});

it("are told of another selection", () => {
  setCorners(2);
  session.selection.select("left");
  session.selection.select(null);
  expect(kept.map((each) => each?.outline?.uid)).toEqual([null, null, "left", null]);
});

it("stay where what they would change is locked", () => {
  session.selection.select("left");
  session.list.setLocked("left", true);
  setCorners(4);
  session.masks.closeOutline();
  expect(session.masks.outline?.ring).toHaveLength(4);
});

it("stay with what others do to the image, and leave it with the person", () => {
  setCorners(2);
  session.replaceAnnotations([]);
  expect(kept.at(-1)?.outline?.ring).toHaveLength(2);
  const { length } = kept;
  session.close();
  expect([session.masks.outline, kept.length]).toEqual([null, length]);
});

it("keep the time that was worked on them, in the object that they become", () => {
  setCorners(2);
  now += 4000;
  clock.sign("press");
  session.masks.sketch(CORNERS.slice(0, 3), false);
  session = openedAgain();
  now += 3000;
  session.masks.closeOutline();
  session.working(false);
  session.drawing.accept();
  expect(operations).toMatchObject([{ kind: "create", provenance: { seconds: 7 } }]);
});

it("count for nothing else once they are dropped", () => {
  setCorners(2);
  session = openedAgain();
  now += 3000;
  session.masks.sketch([], false);
  session.working(false);
  setCorners(4);
  now += 1000;
  session.masks.closeOutline();
  session.working(false);
  session.drawing.accept();
  expect(operations).toMatchObject([{ kind: "create", provenance: { seconds: 1, clicks: 4 } }]);
});

it("keep an image from being submitted until the polygon is closed or dropped", () => {
  setCorners(3);
  expect(session.drawing.keep()).toMatchObject({ message: "A polygon is not closed yet." });
  expect(session.masks.outline!.ring).toHaveLength(3);
  session.masks.closeOutline();
  expect(session.drawing.keep()).toBeNull();
  expect(operations).toMatchObject([{ kind: "create" }]);
});

it("are unknown to drafts of older versions, which open as they did", () => {
  setCorners(4);
  session.masks.closeOutline();
  const { outline: _, ...older } = kept.at(-1)!;
  const tab = openedAgain(older);
  expect([tab.draft.active, tab.masks.outline, tab.tool]).toEqual([true, null, "points"]);
  expect(area(tab.masks.painting!.mask)).toBe(16);
});
