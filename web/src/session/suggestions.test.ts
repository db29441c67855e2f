import { beforeEach, describe, expect, it } from "vitest";
import type { Suggestion } from "../api/types.ts";
import { createBitmap } from "../core/bitmap.ts";
import { imagePoint } from "../core/geometry.ts";
import { isNested, isSame, maskIou } from "../core/overlap-ratio.ts";
import { encode, type Rle } from "../core/rle.ts";
import { MANIFEST } from "../decoder/embedding.test-support.ts";
import { FakeDecoder } from "../decoder/fake-decoder.test-support.ts";
import { WorkClock } from "./pace.ts";
import { createSession, type Session } from "./session.svelte.ts";
import type { Annotation, Operation } from "./types.ts";

const SIZE = { height: 48, width: 64 };

function box(left: number, top: number, width: number, height: number): Rle {
  const bitmap = createBitmap(SIZE);
  for (let y = top; y < top + height; y++) bitmap.data.fill(1, y * 64 + left, y * 64 + left + width);
  const { size, counts } = encode(bitmap);
  return { size, counts };
}

function suggestion(uid: string, score: number, at: readonly [number, number, number, number]): Suggestion {
  return {
    uid,
    score,
    category_id: null,
    segmentation: box(...at) as Suggestion["segmentation"],
    area: at[2] * at[3],
    bbox: [...at],
    stability: 0.9,
    origin: "everything",
    model_sha256: "a".repeat(64),
    prompt: {},
    accepted: false,
    created: "2026-01-01T00:00:00Z",
  };
}

const HIGH = suggestion("high", 0.9, [2, 2, 10, 10]);
const MIDDLE = suggestion("middle", 0.6, [30, 5, 20, 20]);
const LOW = suggestion("low", 0.3, [34, 9, 4, 4]);

describe("suggestions", () => {
  let now: number;
  let clock: WorkClock;
  let session: Session;
  let decoder: FakeDecoder;
  let operations: Operation[];
  const uids = () => session.suggestions.shown.map(({ uid }) => uid);
  const annotation = (uid: string, segmentation: Rle): Annotation => {
    return { uid, category_id: 1, segmentation, iscrowd: 0, attributes: {}, provenance: null };
  };

  beforeEach(() => {
    now = 1_000_000;
    clock = new WorkClock(() => now);
    operations = [];
    const record = (_: number, made: readonly Operation[]) => operations.push(...made);
    decoder = new FakeDecoder();
    session = createSession({ decoder, record, clock });
    session.setCategories([{ id: 1, name: "cat", color: "#ff0000" }]);
    session.chooseCategory(1);
    session.open({ id: 7, ...SIZE }, []);
    session.suggestions.load([HIGH, MIDDLE, LOW]);
  });

  it("are shown best first, down to the least score", () => {
    expect(uids()).toEqual(["high", "middle", "low"]);
    session.suggestions.least = 0.5;
    expect([uids(), session.suggestions.below]).toEqual([["high", "middle"], 1]);
    session.suggestions.visible = false;
    expect([uids(), session.suggestions.open.length]).toEqual([[], 3]);
  });

  it("become annotations that say where they came from and what they have cost", () => {
    now += 2500;
    clock.sign("press");
    session.suggestions.take("middle");
    expect(uids()).toEqual(["high", "low"]);
    const { provenance, ...rest } = session.list.annotations[0]!;
    expect(rest).toMatchObject({ category_id: 1, segmentation: MIDDLE.segmentation, iscrowd: 0 });
    expect(provenance).toEqual({
      model_sha256: "a".repeat(64),
      mask_index: null,
      predicted_iou: null,
      prompts: null,
      seconds: 2.5,
      clicks: 1,
      origin: { suggestion: "middle", source: "everything", score: 0.6 },
    });
    expect(operations.map(({ kind }) => kind)).toEqual(["create"]);
    session.store.undo();
    expect([uids(), session.list.annotations.length]).toEqual([["high", "middle", "low"], 0]);
    session.store.redo();
    expect(uids()).toEqual(["high", "low"]);
    expect(operations.map(({ kind }) => kind)).toEqual(["create", "delete", "restore"]);
  });

  it("are taken and corrected at once, and stay suggested ones when clicks have changed them", async () => {
    session.drawing.correct("middle");
    const uid = session.list.annotations[0]!.uid;
    expect([session.draft.reopenedUid, session.draft.prompts.mask]).toEqual([uid, MIDDLE.segmentation]);
    session.drawing.addPoint(imagePoint(40, 15), 1);
    await decoder.answer();
    session.drawing.accept();
    const { provenance, segmentation } = session.list.annotations[0]!;
    expect(segmentation).not.toEqual(MIDDLE.segmentation);
    expect(provenance).toMatchObject({
      prompts: { points: [[40, 15, 1]], box: null, mask: true },
      origin: { suggestion: "middle", source: "everything", score: 0.6 },
    });
    expect(uids(), "it is not suggested again").not.toContain("middle");
    expect(operations.map(({ kind }) => kind)).toEqual(["create", "update"]);
  });

  it("that answer a box are corrected from that box on, by this model, else from their masks", async () => {
    const { weights_sha256 } = MANIFEST;
    session.suggestions.load([
      { ...HIGH, model_sha256: weights_sha256, prompt: { box: [2, 2, 12, 12], detector: "d" } },
    ]);
    session.drawing.correct("high");
    expect(session.list.annotations[0]!.provenance!.prompts).toEqual({
      points: [],
      box: [2, 2, 12, 12],
      mask: false,
    });
    expect(session.draft.prompts).toMatchObject({ points: [], box: [2, 2, 12, 12], mask: null });
    session.drawing.drop();
    const similar = { points: [[40, 15, 1]], box: [30, 5, 50, 25] };
    session.suggestions.load([{ ...MIDDLE, model_sha256: weights_sha256, prompt: similar }]);
    session.drawing.correct("middle");
    expect(session.draft.prompts).toMatchObject({ points: [], box: null, mask: MIDDLE.segmentation });
  });

  it("come in the category that they name", () => {
    session.suggestions.load([{ ...HIGH, category_id: 5 }]);
    session.suggestions.take("high");
    expect(session.list.annotations[0]!.category_id).toBe(5);
  });

  it("are refused, and that is taken back", () => {
    session.suggestions.refuse("high");
    expect(uids()).toEqual(["middle", "low"]);
    session.store.undo();
    expect(uids()).toEqual(["high", "middle", "low"]);
    session.store.redo();
    expect(operations).toEqual([
      { kind: "verdict", uid: "high", refused: true },
      { kind: "verdict", uid: "high", refused: false },
      { kind: "verdict", uid: "high", refused: true },
    ]);
    session.suggestions.load([MIDDLE, LOW]); // the server knows by now
    session.store.undo();
    expect(uids()).toEqual(["high", "middle", "low"]);
  });

  it("that were refused stay so when other people's changes come in, and when the image is opened again", () => {
    session.suggestions.refuse("high");
    session.replaceAnnotations([annotation("theirs", box(0, 40, 3, 3))]);
    expect(uids()).toEqual(["middle", "low"]);
    session.open({ id: 7, ...SIZE }, [], null, ["low"]);
    session.suggestions.load([HIGH, MIDDLE, LOW]);
    expect(uids()).toEqual(["high", "middle"]);
  });

  it("are taken all at once, as one step that shares the cost", () => {
    now += 3000;
    clock.sign("key");
    session.suggestions.least = 0.5;
    session.suggestions.takeAll();
    expect(uids()).toEqual([]);
    expect(session.list.annotations.map(({ provenance }) => provenance?.seconds)).toEqual([1.5, 1.5]);
    expect(session.suggestions.open.map(({ uid }) => uid)).toEqual(["low"]);
    session.store.undo();
    expect(session.list.annotations).toEqual([]);
  });

  it("of a detector hide where they lie in an object or around it; others may be its parts", () => {
    const part = suggestion("part", 0.8, [30, 5, 10, 8]);
    const beside = suggestion("beside", 0.7, [45, 5, 10, 20]); // half of it lies in the object
    session.open({ id: 7, ...SIZE }, [annotation("whole", MIDDLE.segmentation)]);
    session.suggestions.load([
      ...[part, beside].map((each) => ({ ...each, origin: "detector" as const })),
      LOW,
    ]);
    expect(uids()).toEqual(["beside", "low"]);
  });

  it("of a detector stay beside what they lie in where the two are of different kinds", () => {
    const part = { ...suggestion("part", 0.8, [30, 5, 10, 8]), origin: "detector" as const };
    const whole = { ...annotation("whole", MIDDLE.segmentation), category_id: 1 };
    session.open({ id: 7, ...SIZE }, [whole]);
    session.suggestions.load([{ ...part, category_id: 2 }]);
    expect(uids()).toEqual(["part"]);
    session.suggestions.load([{ ...part, category_id: 1 }]);
    expect(uids()).toEqual([]);
  });

  it("hide where an object is the same, and come back when it goes", () => {
    session.replaceAnnotations([
      annotation("mine", box(2, 2, 10, 9)),
      annotation("part", box(30, 5, 20, 10)),
    ]);
    expect(uids()).toEqual(["middle", "low"]);
    session.remove("mine");
    expect(uids()).toEqual(["high", "middle", "low"]);
  });

  it("are found where they lie, the smallest of several, and only while they are shown", () => {
    const { suggestions } = session;
    expect(suggestions.at(imagePoint(35, 10))?.uid).toBe("low");
    expect(suggestions.at(imagePoint(45, 20))?.uid).toBe("middle");
    expect(suggestions.at(imagePoint(60, 40))).toBeNull();
    suggestions.least = 0.5;
    expect(suggestions.at(imagePoint(35, 10))?.uid).toBe("middle");
  });

  it("are walked through by score, and a decision goes on to the next one", () => {
    const { suggestions } = session;
    const current = () => suggestions.current?.uid ?? null;
    suggestions.walk(1);
    expect(current()).toBe("high");
    suggestions.refuse("high");
    expect(current()).toBe("middle");
    suggestions.walk(1);
    suggestions.walk(1);
    expect(current()).toBe("middle");
    suggestions.walk(-1);
    expect(current()).toBe("low");
    suggestions.take("low");
    expect(current()).toBeNull();
  });

  it("stay when what is drawn is accepted", () => {
    session.suggestions.refuse("low");
    session.drawing.addPoint(imagePoint(60, 40), 1);
    session.drawing.drop();
    expect(uids()).toEqual(["high", "middle"]);
  });

  it("go with their image", () => {
    session.open({ id: 8, ...SIZE }, []);
    expect(uids()).toEqual([]);
  });
});

describe("masks are the same", () => {
  it("by the IoU of their pixels", () => {
    expect(maskIou(box(0, 0, 4, 4), box(2, 0, 4, 4))).toBeCloseTo(8 / 24);
    expect(maskIou(box(0, 0, 4, 4), box(10, 10, 4, 4))).toBe(0);
    expect(isSame(box(0, 0, 10, 10), box(0, 0, 10, 8))).toBe(true);
    expect(isSame(box(0, 0, 10, 10), box(0, 0, 10, 7))).toBe(false);
    expect(isSame(box(0, 0, 10, 10), box(1, 1, 10, 10))).toBe(false); // 81 of 119
    expect(isNested(box(0, 0, 10, 10), box(1, 1, 10, 10))).toBe(true); // 81 of 100
    expect(isNested(box(2, 2, 3, 3), box(0, 0, 10, 10))).toBe(true);
    expect(isNested(box(0, 0, 10, 10), box(3, 0, 10, 10))).toBe(false);
    expect(isNested(box(0, 0, 2, 2), box(10, 10, 2, 2))).toBe(false);
  });
});
