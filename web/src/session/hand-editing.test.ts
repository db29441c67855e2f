import { beforeEach, describe, expect, it } from "vitest";
import { ColumnMask } from "../core/column-mask.ts";
import { imagePoint as at, type ImagePoint } from "../core/geometry.ts";
import { maskFromText, textOf } from "../core/masks.test-support.ts";
import { reshape } from "../core/morphology.ts";
import type { Ring } from "../core/polygon.ts";
import { area, type Rle } from "../core/rle.ts";
import { FakeDecoder } from "../decoder/fake-decoder.test-support.ts";
import { createSession, type Session } from "./session.svelte.ts";
import type { Annotation, Operation } from "./types.ts";

const IMAGE = { id: 7, height: 6, width: 12 };

const annotation = (uid: string, mask: Rle): Annotation => ({
  uid,
  category_id: 1,
  segmentation: mask,
  iscrowd: 0,
  attributes: {},
  provenance: null,
});

const left = maskFromText(...Array(6).fill("####........")).toRle();
const right = maskFromText(...Array(6).fill("........####")).toRle();

let decoder: FakeDecoder;
let operations: Operation[];
let notices: string[];
let session: Session;

beforeEach(() => {
  decoder = new FakeDecoder();
  operations = [];
  notices = [];
  session = createSession({
    decoder,
    record: (_, made) => operations.push(...structuredClone(made)),
    notify: ({ message }) => notices.push(message),
    reshape: async (...request) => reshape(...request),
  });
  session.setCategories([{ id: 1, name: "cat", color: "#ff0000" }]);
  session.open(IMAGE, [annotation("left", left), annotation("right", right)]);
  session.setTool("brush");
  session.masks.options.setSize(2);
  session.masks.options.shape = "square";
});

function stroke(from: ImagePoint, to: ImagePoint, erases = false): void {
  if (!session.masks.begin()) return;
  session.masks.stroke(from, to, session.masks.options.size, erases);
  session.masks.finish();
}

function polygon(ring: Ring, subtracts: boolean): void {
  session.masks.sketch(ring, subtracts);
  session.masks.closeOutline();
}

const shown = () => session.masks.painting && textOf(session.masks.painting.mask);
const saved = (uid: string) => session.list.annotations.find((each) => each.uid === uid)!;
const textOfSaved = (uid: string) => textOf(ColumnMask.from(saved(uid).segmentation));

describe("the brush", () => {
  it("starts a mask that Enter saves, exactly as painted, in one operation", () => {
    stroke(at(6, 1), at(6, 5));
    expect(operations).toEqual([]);
    expect(session.draft.canAccept).toBe(true);
    expect(shown()).toEqual(Array(6).fill(".....##....."));
    session.drawing.accept();
    const counts = maskFromText(...Array(6).fill(".....##.....")).counts;
    expect(operations).toMatchObject([
      { kind: "create", category_id: null, segmentation: { size: [6, 12], counts } },
    ]);
    expect(session.draft.active).toBe(false);
    expect(shown()).toBeNull();
  });

  it("changes the selected annotation, one update and one step per stroke", () => {
    session.selection.select("left");
    stroke(at(5, 1), at(5, 1));
    stroke(at(1, 1), at(1, 1), true);
    expect(operations.map(({ kind }) => kind)).toEqual(["update", "update"]);
    expect(textOfSaved("left").slice(0, 3)).toEqual(["..####......", "..####......", "####........"]);
    session.store.undo();
    session.store.undo();
    expect(saved("left").segmentation.counts).toBe(left.counts);
    expect(session.selection.uid).toBe("left");
    session.store.redo();
    expect(area(saved("left").segmentation)).toBe(area(left) + 4);
  });

  it("shows the stroke under way and forgets it when it is cancelled", () => {
    session.selection.select("left");
    session.masks.begin();
    session.masks.stroke(at(5, 1), at(5, 1), 2, false);
    expect(shown()![0]).toBe("######......");
    session.masks.cancel();
    expect(shown()![0]).toBe("####........");
    expect(session.store.canUndo).toBe(false);
  });

  it("goes on from the model's mask, and further points refine what was painted", async () => {
    session.drawing.addPoint(at(2, 2), 1);
    await decoder.answer();
    stroke(at(11, 1), at(11, 1));
    expect(session.draft.prompts.points).toEqual([]);
    expect(session.draft.candidates).toEqual([]);
    const painted = shown()!;
    session.drawing.addPoint(at(2, 2), 1);
    expect(session.draft.prompts.mask).not.toBeNull();
    expect(decoder.requests.at(-1)!.prompts.mask).toHaveLength(64);
    expect(shown()).toEqual(painted); // until the answer is there
    await decoder.answer();
    expect(shown()).toBeNull();
    expect(session.draft.shownPlane).not.toBeNull();
    session.store.undo();
    expect(shown()).toEqual(painted);
  });

  it("stays a draft, point and all, when the image is left while a further point waits for its answer", () => {
    stroke(at(6, 1), at(6, 5));
    const painted = shown();
    session.drawing.addPoint(at(2, 2), 1);
    expect(session.drawing.keep()).not.toBeNull();
    expect(operations).toEqual([]);
    expect(shown()).toEqual(painted);
    expect(session.draft.prompts.points).toHaveLength(1);
  });

  it("saves a reopened annotation as an update, made by hand", async () => {
    session.drawing.reopen("left");
    stroke(at(6, 1), at(6, 1));
    session.drawing.accept();
    expect(operations).toMatchObject([
      { kind: "update", uid: "left", changes: { provenance: { prompts: null } } },
    ]);
    expect(area(saved("left").segmentation)).toBe(area(left) + 4);
  });

  it("makes no step of a stroke that changes nothing, and leaves locked objects alone", () => {
    session.selection.select("left");
    stroke(at(2, 2), at(2, 4));
    session.list.setLocked("left", true);
    stroke(at(6, 1), at(6, 1));
    expect(operations).toEqual([]);
    expect(session.store.canUndo).toBe(false);
    expect(notices[0]).toContain("locked");
  });

  it("deletes an object that is erased whole, says so, and brings it back", () => {
    session.selection.select("left");
    session.masks.options.setSize(30);
    stroke(at(2, 2), at(2, 4), true);
    expect(operations).toEqual([{ kind: "delete", uid: "left" }]);
    expect(notices[0]).toContain("deleted");
    session.store.undo();
    expect(saved("left").segmentation.counts).toBe(left.counts);
  });

  it("takes back the last stroke with Backspace", () => {
    stroke(at(6, 1), at(6, 1));
    stroke(at(6, 4), at(6, 4));
    session.drawing.removeLastPrompt();
    expect(area(session.masks.painting!.mask)).toBe(4);
  });
});

describe("overlap", () => {
  it("overwrites in the same step, and undoes both", () => {
    session.masks.options.overlap = "overwrite";
    stroke(at(2, 3), at(9, 3));
    session.drawing.accept();
    expect(operations.map(({ kind, uid }) => [kind, uid]).slice(1)).toEqual([
      ["update", "left"],
      ["update", "right"],
    ]);
    expect(textOfSaved("left")[2]).toBe("#...........");
    session.store.undo();
    expect(operations.slice(3).map(({ kind }) => kind)).toEqual(["update", "update", "delete"]);
    expect(saved("left").segmentation.counts).toBe(left.counts);
  });

  it("deletes what is overwritten whole", () => {
    session.masks.options.overlap = "overwrite";
    session.masks.options.setSize(30);
    session.selection.select("left");
    stroke(at(8, 3), at(9, 3));
    expect(operations.map(({ kind, uid }) => [kind, uid])).toEqual([
      ["update", "left"],
      ["delete", "right"],
    ]);
    session.store.undo();
    expect(session.list.annotations.map(({ uid }) => uid)).toEqual(["left", "right"]);
  });

  it.each(["protect", "overwrite"] as const)("keeps a locked object's pixels under %s", (policy) => {
    session.masks.options.overlap = policy;
    session.list.setLocked("left", true);
    session.selection.select("right");
    stroke(at(1, 3), at(9, 3));
    expect(saved("left").segmentation.counts).toBe(left.counts);
    expect(textOfSaved("right")[2]).toBe("....########");
  });

  it("protects, and says when nothing is left", () => {
    session.masks.options.overlap = "protect";
    stroke(at(1, 3), at(6, 3));
    session.drawing.accept();
    expect(textOfSaved(session.list.annotations[2]!.uid)[2]).toBe("....###.....");
    stroke(at(1, 1), at(2, 1));
    session.drawing.accept();
    expect(session.list.annotations).toHaveLength(3);
    expect(notices[0]).toContain("protects");
  });
});

describe("polygons and cleaning up", () => {
  const square = (from: number, to: number) => [at(from, from), at(to, from), at(to, to), at(from, to)];

  it("adds and cuts out polygons", () => {
    session.setTool("polygon");
    polygon(square(0, 6), false);
    polygon(square(2, 4), true);
    expect(shown()![2]).toBe("##..##......");
  });

  it("fills a hole, drops a part, cleans specks", () => {
    session.setTool("polygon");
    polygon(square(0, 6), false);
    polygon(square(2, 4), true);
    session.masks.fillAt(at(3, 3), false);
    expect(area(session.masks.painting!.mask)).toBe(36);
    polygon([at(8, 0), at(9, 0), at(9, 1), at(8, 1)], false);
    session.masks.fillAt(at(8.5, 0.5), true);
    expect(area(session.masks.painting!.mask)).toBe(36);
    polygon([at(8, 0), at(9, 0), at(9, 1), at(8, 1)], false);
    session.masks.options.speck = 2;
    session.masks.dropIslands();
    expect(area(session.masks.painting!.mask)).toBe(36);
    session.masks.fillAt(at(10, 5), false);
    expect(notices[0]).toContain("No hole");
  });

  it("grows in the background, unless the mask changed meanwhile", async () => {
    session.selection.select("left");
    session.masks.options.radius = 1;
    await session.masks.reshape("grow");
    expect(textOfSaved("left")[0]).toBe("#####.......");
    const growing = session.masks.reshape("grow");
    session.store.undo();
    await growing;
    expect(saved("left").segmentation.counts).toBe(left.counts);
  });

  it("moves corners, and goes on with the corners that were made", () => {
    session.setTool("vertices");
    session.selection.select("left");
    expect(session.masks.rings).toEqual([[at(0, 0), at(4, 0), at(4, 6), at(0, 6)]]);
    const moved = [[at(0, 0), at(6, 0), at(2, 6), at(0, 6)]];
    session.masks.setRings(moved);
    expect(session.masks.rings).toBe(moved);
    session.store.undo();
    expect(session.masks.rings[0]![1]).toEqual(at(4, 0));
    session.store.redo();
    expect(session.masks.rings).toBe(moved);
    session.masks.setTolerance(0);
    expect(session.masks.rings[0]!.length).toBeGreaterThan(4);
  });
});
