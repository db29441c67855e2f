import { describe, expect, it } from "vitest";
import { findAnnotation, openDocument } from "./document.ts";
import { added, NO_EFFORT } from "./provenance.ts";
import { bringBack } from "./restoring.ts";
import type { Annotation, Provenance } from "./types.ts";

const now: Annotation = {
  uid: "a",
  category_id: 2,
  segmentation: { size: [4, 4], counts: "new" },
  iscrowd: 0,
  attributes: { b: 1, a: { d: 1, c: [2] } },
  provenance: { seconds: 30, clicks: 9 } as Provenance,
  position: 1,
};
const once: Annotation = {
  ...now,
  category_id: 1,
  segmentation: { size: [4, 4], counts: "old" },
  provenance: { seconds: 5, clicks: 2, mask_index: 1 } as Provenance,
};
const above: Annotation = { ...now, uid: "above", position: 2 };
const below: Annotation = { ...now, uid: "below", position: 0 };
const cost = ({ provenance }: Annotation) => added(provenance, NO_EFFORT);

describe("bringing back an earlier state", () => {
  it("changes what differs, in one step that can be undone; what it has cost since stays", () => {
    const document = openDocument([below, now, above]);
    const step = bringBack(document, once, cost)!;
    const changes = {
      category_id: 1,
      segmentation: once.segmentation,
      provenance: { seconds: 30, clicks: 9, mask_index: 1 },
    };
    expect(step.forward).toEqual([{ kind: "update", uid: "a", changes }]);
    expect(findAnnotation(step.after, "a")).toEqual({ ...now, ...changes });
    expect(findAnnotation(step.before, "a")).toBe(now);
    expect(step.backward).toMatchObject([{ kind: "update", uid: "a", changes: { category_id: 2 } }]);
  });

  it("keeps how the mask came about where the mask is the same", () => {
    const step = bringBack(openDocument([now]), { ...now, category_id: null, provenance: null }, cost)!;
    expect(step.forward).toEqual([{ kind: "update", uid: "a", changes: { category_id: null } }]);
  });

  it("is nothing where nobody would see a difference, however attributes are written down", () => {
    const same = { ...now, attributes: { a: { c: [2], d: 1 }, b: 1 }, provenance: null };
    expect(bringBack(openDocument([now]), same, cost)).toBeNull();
  });

  it("restores what was deleted to its place, and makes it what it once was", () => {
    const step = bringBack(openDocument([below, above]), once, cost)!;
    expect(step.after.annotations.map(({ uid }) => uid)).toEqual(["below", "a", "above"]);
    expect(step.forward.map(({ kind }) => kind)).toEqual(["restore", "update"]);
    expect(step.forward[1]).toMatchObject({ changes: { segmentation: once.segmentation, category_id: 1 } });
    expect(step.backward).toEqual([{ kind: "delete", uid: "a" }]);
    expect(step.again).toEqual([{ kind: "restore", uid: "a" }]);
  });

  it("only restores what is to be as it was when it was deleted", () => {
    const step = bringBack(openDocument([]), now, cost, true)!;
    expect(step.forward).toEqual([{ kind: "restore", uid: "a" }]);
    expect(step.after.annotations).toEqual([now]);
  });
});
