import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { KeptDraft } from "../core/draft.ts";
import { imagePoint as at } from "../core/geometry.ts";
import { maskFromText } from "../core/masks.test-support.ts";
import { area, type Rle } from "../core/rle.ts";
import { FakeDecoder } from "../decoder/fake-decoder.test-support.ts";
import { createSession, type Session } from "./session.svelte.ts";

const IMAGE = { id: 7, height: 6, width: 12 };
const left = maskFromText(...Array(6).fill("####........")).toRle();
const annotation = {
  uid: "left",
  category_id: 1,
  segmentation: left,
  iscrowd: 0 as const,
  attributes: {},
  provenance: null,
};

let kept: (KeptDraft | null)[];
let session: Session;

beforeEach(() => {
  vi.useFakeTimers();
  kept = [];
  session = createSession({
    decoder: new FakeDecoder(),
    record: (_, operations, draft) => {
      expect(operations).toEqual([]);
      kept.push(structuredClone(draft));
    },
  });
  session.setCategories([{ id: 1, name: "cat", color: "#ff0000" }]);
  session.open(IMAGE, [annotation]);
  session.setTool("brush");
  session.masks.options.setSize(2);
  session.masks.options.shape = "square";
  kept = [];
});

afterEach(() => vi.useRealTimers());

/** Pixels of a mask. */
const pixels = (mask: Rle | null | undefined) => mask && area(mask);

function begin(): void {
  session.working(true);
  session.masks.begin();
}

it("keeps a stroke within a second, again whenever it has gone on, and not otherwise", () => {
  begin();
  session.masks.stroke(at(7, 1), at(7, 3), 2, false);
  vi.advanceTimersByTime(1000);
  expect(kept.map((each) => pixels(each?.edited))).toEqual([8]);
  vi.advanceTimersByTime(10_000);
  expect(kept).toHaveLength(1);
  session.masks.stroke(at(7, 3), at(7, 5), 2, false);
  vi.advanceTimersByTime(1000);
  expect(kept.map((each) => pixels(each?.edited))).toEqual([8, 12]);
  session.masks.finish();
  session.working(false);
  vi.advanceTimersByTime(10_000);
  expect(kept.map((each) => pixels(each?.edited))).toEqual([8, 12, 12]);
});

it("forgets a stroke that is given up", () => {
  begin();
  session.masks.stroke(at(7, 1), at(7, 3), 2, false);
  vi.advanceTimersByTime(1000);
  session.masks.cancel();
  session.working(false);
  expect(kept.map((each) => each && pixels(each.edited))).toEqual([8, null]);
});

it("keeps a stroke on a saved annotation as that annotation, reopened", () => {
  session.selection.select("left");
  begin();
  session.masks.stroke(at(7, 1), at(7, 5), 2, false);
  vi.advanceTimersByTime(1000);
  const draft = kept.at(-1)!;
  expect([draft.reopenedUid, pixels(draft.edited)]).toEqual(["left", 24 + 12]);
  const next = createSession({ decoder: new FakeDecoder(), record: () => undefined });
  next.open(IMAGE, [annotation], draft);
  expect([next.draft.reopenedUid, next.draft.canAccept]).toEqual(["left", true]);
  next.drawing.accept();
  expect(pixels(next.list.annotations[0]!.segmentation)).toBe(24 + 12);
});

it("leaves what was kept where it is when the image is left in the middle of a stroke", () => {
  begin();
  session.masks.stroke(at(7, 1), at(7, 3), 2, false);
  vi.advanceTimersByTime(1000);
  session.close();
  session.working(false);
  vi.advanceTimersByTime(10_000);
  expect(kept).toHaveLength(1);
});
