import { describe, expect, it } from "vitest";
import type { Bitmap } from "../core/bitmap.ts";
import { placed } from "../core/placed.ts";
import { area, decode, encode } from "../core/rle.ts";
import { openDocument } from "./document.ts";
import { addAll, changeAll, merge, moveTo, removeAll, split } from "./objects.ts";
import { added, byHand, NO_EFFORT } from "./provenance.ts";
import type { Annotation, Provenance } from "./types.ts";

/** "#" is mask. */
function picture(...rows: string[]): Bitmap {
  const data = Uint8Array.from(rows.join(""), (pixel) => (pixel === "#" ? 1 : 0));
  return { height: rows.length, width: rows[0]!.length, data };
}

function annotation(uid: string, bitmap: Bitmap, category: number | null = 1): Annotation {
  return {
    uid,
    category_id: category,
    segmentation: encode(bitmap),
    iscrowd: 0,
    attributes: { seen: "yes" },
    provenance: null,
  };
}

const left = annotation("left", picture("##..", "##..", "...."));
const right = annotation("right", picture(".##.", "....", "...#"), 2);
const document = openDocument([left, right]);
const stored = ({ provenance }: Annotation) => added(provenance, NO_EFFORT);
const cost = (seconds: number | null, clicks: number | null) => ({ seconds, clicks });
const answered = {
  model_sha256: "a".repeat(64),
  mask_index: 1,
  predicted_iou: 0.9,
  prompts: { points: [[1, 1, 1]], box: null, mask: false },
  seconds: 7,
  clicks: 4,
} satisfies Provenance;
const kinds = (operations: readonly { kind: string; uid: string }[]) =>
  operations.map(({ kind, uid }) => `${kind} ${uid}`);

describe("a change of several annotations", () => {
  it("touches those that differ, and is undone as one", () => {
    const step = changeAll(document, ["left", "right"], { category_id: 2 })!;
    expect(step.after.annotations.map((each) => each.category_id)).toEqual([2, 2]);
    expect(step.forward).toEqual([{ kind: "update", uid: "left", changes: { category_id: 2 } }]);
    expect(step.backward).toEqual([{ kind: "update", uid: "left", changes: { category_id: 1 } }]);
    expect(changeAll(document, ["right"], { category_id: 2 })).toBeNull();
    expect(changeAll(document, ["gone"], { category_id: 2 })).toBeNull();
  });

  it("deletes in order and restores in the reverse order", () => {
    const step = removeAll(document, ["left", "right"])!;
    expect(step.before).toBe(document);
    expect(step.after.annotations).toEqual([]);
    expect(kinds(step.forward)).toEqual(["delete left", "delete right"]);
    expect(kinds(step.backward)).toEqual(["restore right", "restore left"]);
  });

  it("adds without touching what is drawn", () => {
    const drawing = { ...document, reopenedUid: "left", startedAt: 5 };
    const step = addAll(drawing, [{ ...left, uid: "copy" }])!;
    expect(step.after).toMatchObject({ reopenedUid: "left", startedAt: 5 });
    expect(kinds(step.again)).toEqual(["restore copy"]);
    expect(addAll(document, [])).toBeNull();
  });
});

describe("the order", () => {
  const lined = (...positions: number[]) =>
    openDocument(positions.map((position, index) => ({ ...left, uid: "abcdef"[index]!, position })));
  const shown = (from: ReturnType<typeof lined>, uid: string, place: number) => {
    const step = moveTo(from, uid, place);
    if (!step) return null;
    const places = step.after.annotations.map(({ uid, position }) => `${uid}${position}`).join(" ");
    return [places, step.forward.length];
  };

  it.each([
    [lined(0, 1, 2, 3), "b", 2, "a0 c2 b3 d4", 2],
    [lined(0, 1, 2, 3), "a", 3, "b1 c2 d3 a4", 1],
    [lined(0, 1, 2, 3), "d", 0, "d-1 a0 b1 c2", 1],
    [lined(0, 10, 20), "a", 1, "b10 a15 c20", 1],
    [lined(4, 4, 4, 4), "d", 1, "a4 d5 b6 c7", 3],
    [lined(0, 1), "a", 99, "b1 a2", 1],
    [lined(0, 1), "b", -1, "b-1 a0", 1],
  ])("of %o: %s goes to %i", (from, uid, place, after, changed) => {
    expect(shown(from, uid, place)).toEqual([after, changed]);
  });

  it("changes nothing for an annotation that is there already, and is undone as one", () => {
    expect(shown(lined(0, 1, 2), "c", 5)).toBeNull();
    const step = moveTo(lined(4, 4, 4), "c", 0)!;
    expect(step.after.annotations.map(({ uid }) => uid)).toEqual(["c", "a", "b"]);
    expect(step.backward.map((each) => each.kind === "update" && each.changes.position)).toEqual([4, 4]);
  });

  it("has what is new on top", () => {
    const { forward } = addAll(lined(7, 3), [{ ...left, uid: "new" }])!;
    expect(forward).toMatchObject([{ kind: "create", uid: "new", position: 8 }]);
  });
});

describe("merge", () => {
  it("gives the first the pixels of all", () => {
    const step = merge(document, ["left", "right"], stored)!;
    expect(step.after.annotations).toHaveLength(1);
    const [merged] = step.after.annotations;
    expect(merged).toMatchObject({ uid: "left", category_id: 1, attributes: { seen: "yes" } });
    expect(decode(merged!.segmentation)).toEqual(picture("###.", "##..", "...#"));
    expect(kinds(step.forward)).toEqual(["update left", "delete right"]);
    expect(kinds(step.backward)).toEqual(["restore right", "update left"]);
  });

  it("has cost what all have, as far as it is known, and is no answer to prompts any more", () => {
    const costs = openDocument([
      { ...left, provenance: answered },
      { ...right, provenance: byHand(null, cost(2, null)) },
    ]);
    const [merged] = merge(costs, ["left", "right"], stored)!.after.annotations;
    expect(merged!.provenance).toEqual({
      ...answered,
      prompts: null,
      mask_index: null,
      predicted_iou: null,
      seconds: 9,
    });
    expect(merge(document, ["left", "right"], stored)!.after.annotations[0]!.provenance).toBeNull();
  });

  it("needs two that are there", () => {
    expect(merge(document, ["left"], stored)).toBeNull();
    expect(() => merge(document, ["left", "gone"], stored)).toThrow(RangeError);
  });
});

describe("split", () => {
  it("leaves the largest part its identity", () => {
    const step = split(document, "right", () => "piece", stored)!;
    const [, largest, piece] = step.after.annotations;
    expect(decode(largest!.segmentation)).toEqual(picture(".##.", "....", "...."));
    expect(largest!.uid).toBe("right");
    expect(decode(piece!.segmentation)).toEqual(picture("....", "....", "...#"));
    expect(piece).toMatchObject({ uid: "piece", category_id: 2, attributes: { seen: "yes" } });
  });

  it("has nothing to do for one part", () => {
    expect(split(document, "left", () => "piece", stored)).toBeNull();
  });

  it("leaves the image what it has cost", () => {
    const dots = annotation("dots", picture("#.#.", "....", "#..."));
    const whole = openDocument([{ ...dots, provenance: answered }]);
    const parts = split(whole, "dots", () => crypto.randomUUID(), stored)!.after.annotations;
    expect(parts.map(({ provenance }) => [provenance!.seconds, provenance!.clicks])).toEqual([
      [2.334, 2],
      [2.333, 1],
      [2.333, 1],
    ]);
    expect(parts.every(({ provenance }) => provenance!.model_sha256 && !provenance!.prompts)).toBe(true);
    const [part] = split(openDocument([dots]), "dots", () => crypto.randomUUID(), stored)!.after.annotations;
    expect(part!.provenance).toBeNull();
  });
});

describe("a mask placed elsewhere", () => {
  it("is moved and cut off at the borders of the image", () => {
    const moved = placed(left.segmentation, { height: 3, width: 4 }, 3, -1)!;
    expect(decode(moved)).toEqual(picture("...#", "....", "...."));
    expect(area(placed(left.segmentation, { height: 8, width: 9 }, 0, 0)!)).toBe(4);
    expect(placed(left.segmentation, { height: 3, width: 4 }, 4, 0)).toBeNull();
  });
});
