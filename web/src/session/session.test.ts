import { describe, expect, it, vi } from "vitest";
import { type KeptDraft, NO_DRAFT } from "../core/draft.ts";
import { NO_PROMPTS } from "../core/prompts.ts";
import { contains, decode, type Rle } from "../core/rle.ts";
import type { Decoded } from "../decoder/decoder.ts";
import { decodedMasks } from "../decoder/fake-decoder.test-support.ts";
import { createSession } from "./session.svelte.ts";
import {
  at,
  decoder,
  draft,
  draw,
  IMAGE,
  notices,
  operations,
  saved,
  session,
} from "./session.test-support.ts";

it.each([
  [null, false],
  [0.3, false],
  [-0.3, true],
])(
  "where a model's object score is %s, it is doubted that there is an object: %s",
  async (objectScore, doubted) => {
    session.drawing.addPoint(at(10, 20), 1);
    expect(session.draft.doubted).toBe(false); // nothing was answered yet
    await decoder.answer({ ...decodedMasks(), objectScore });
    expect(session.draft.doubted).toBe(doubted);
    session.drawing.addPoint(at(12, 20), 1);
    expect(session.draft.doubted).toBe(false); // that was said of other prompts
  },
);

describe("an object that comes back", () => {
  const kept = (changes: Partial<KeptDraft>): KeptDraft => ({
    ...NO_DRAFT,
    prompts: { ...NO_PROMPTS, points: [{ at: at(10, 20), label: 1 }] },
    categoryId: 2,
    region: null,
    ...changes,
  });

  it("has its category, or none and a word about it when that was deleted", () => {
    session.open(IMAGE, [saved], kept({}));
    expect([session.categoryId, notices]).toEqual([2, []]);
    session.open(IMAGE, [saved], kept({ categoryId: 99 }));
    expect([session.categoryId, draft?.categoryId]).toEqual([null, null]);
    expect(notices).toEqual([expect.stringContaining("was deleted")]);
  });

  it("is told so also when the categories are known only later, or there is none any more", () => {
    const record = vi.fn();
    const late = createSession({ decoder, record, notify: ({ message }) => notices.push(message) });
    late.open(IMAGE, [saved], kept({}));
    late.setCategories([{ id: 1, name: "cat", color: "#ff0000" }]);
    expect([late.categoryId, notices.length]).toEqual([null, 1]);
    late.setCategories([]);
    late.open(IMAGE, [saved], kept({}));
    expect([late.categoryId, notices.length]).toEqual([null, 2]);
  });

  it("keeps what it was seen in until that is seen again or it is dropped", () => {
    const region = { x: 0, y: 0, width: 32, height: 32 };
    session.open(IMAGE, [saved], kept({ region }));
    expect(draft?.region).toEqual(region);
    session.lookAt(region);
    session.lookAt(null); // while it is drawn
    expect(draft?.region).toBeNull();
    session.lookAt(region);
    expect(draft?.region).toEqual(region);
    session.lookAt(null);
    session.drawing.drop();
    session.open(IMAGE, [saved], kept({ region }));
    session.drawing.drop();
    session.drawing.addPoint(at(10, 20), 1);
    expect(draft?.region).toBeNull();
  });
});

describe("categories", () => {
  it("go to the selected annotation, else to the next mask", async () => {
    session.selection.select("saved");
    session.chooseCategory(1);
    session.chooseCategory(1);
    expect(operations).toEqual([{ kind: "update", uid: "saved", changes: { category_id: 1 } }]);
    expect(session.list.annotations[0]!.colour).toBe("#ff0000");
    await draw();
    session.chooseCategory(2);
    expect(session.draft.colour).toBe("#00ff00");
    session.drawing.accept();
    expect(operations.at(-1)).toMatchObject({ kind: "create", category_id: 2 });
    session.store.undo();
    session.store.undo();
    session.store.undo();
    expect(operations.at(-1)).toEqual({ kind: "update", uid: "saved", changes: { category_id: 2 } });
  });
});

describe("a saved annotation", () => {
  it("is continued from its mask when it has no prompts", async () => {
    session.drawing.reopen("saved");
    expect(session.draft.prompts.mask).toEqual(saved.segmentation);
    expect([session.draft.active, session.draft.decoding, session.draft.reopenedUid]).toEqual([
      true,
      false,
      "saved",
    ]);
    session.drawing.accept();
    expect([operations, session.draft.active]).toEqual([[], false]);
    session.drawing.reopen("saved");
    session.drawing.addPoint(at(10, 20), 1);
    expect(decoder.requests[0]!.prompts.mask).not.toBeNull();
    await decoder.answer();
    session.drawing.accept();
    expect(operations).toMatchObject([
      { kind: "update", uid: "saved", changes: { provenance: { mask_index: 0, prompts: { mask: true } } } },
    ]);
    session.store.undo();
    expect(operations[1]).toMatchObject({ changes: { segmentation: saved.segmentation, provenance: null } });
  });

  it("is continued from its prompts when this model made it", async () => {
    await draw();
    session.drawing.cycle(1);
    session.drawing.accept();
    const { uid, segmentation } = session.list.annotations[1]!;
    session.drawing.reopen(uid);
    expect(session.draft.prompts).toMatchObject({ points: [{ at: [10, 20], label: 1 }], mask: null });
    await decoder.answer();
    expect(session.draft.shownIndex).toBe(3);
    session.drawing.accept();
    expect(session.list.annotations[1]!.segmentation).toEqual(segmentation);
    expect(session.list.annotations).toHaveLength(2);
  });

  it("is found under the pointer unless it is hidden", () => {
    expect(decode(saved.segmentation).data[2]).toBe(1);
    expect(session.list.at(at(2.5, 3))?.uid).toBe("saved");
    expect(session.list.at(at(2.5, 30))).toBeNull();
    session.list.setHidden("saved", true);
    expect(session.list.at(at(2.5, 3))).toBeNull();
  });

  it("does not change while it is locked", () => {
    session.list.setLocked("saved", true);
    session.remove("saved");
    session.drawing.reopen("saved");
    session.selection.select("saved");
    session.chooseCategory(1);
    expect(operations).toEqual([]);
    expect(notices).toHaveLength(3);
  });
});

describe("tidied masks", () => {
  const SIDE = 8; // cells of the grid, of eight pixels each
  /** All four masks: a square at the left, and a speck at the right that has no click. */
  function speckled(): Decoded {
    const plain = decodedMasks();
    const lowRes = plain.lowRes.map((_, index) => {
      const [x, y] = [index % SIDE, Math.floor(index / SIDE) % SIDE];
      return (x < 3 && y > 0 && y < 4) || (x === 6 && y === 2) ? 1 : -1;
    });
    return { ...plain, lowRes };
  }
  const speck = { x: 52, y: 20 };
  const hasSpeck = (mask: Rle) => contains(mask, speck.x, speck.y);
  const savedNow = () => session.list.annotations.at(-1)!;

  it("are seen and saved without parts that nobody clicked, and say so", async () => {
    session.tidies = true;
    session.drawing.hover(at(10, 20));
    const decoded = speckled();
    const answered = decoded.lowRes.slice();
    await decoder.answer(decoded);
    const { shownPlane } = session.draft; // as the pointer previews it
    expect(shownPlane!.data[shownPlane!.offset + 2 * SIDE + 6]).toBe(-1);
    session.drawing.addPoint(at(10, 20), 1);
    const seen = session.draft.mask!;
    expect([hasSpeck(seen), contains(seen, 10, 20)]).toEqual([false, true]);
    session.drawing.accept();
    expect(savedNow().segmentation).toEqual(seen);
    expect(savedNow().provenance).toMatchObject({ tidied: true });
    expect(decoded.lowRes).toEqual(answered); // what the decoder said stays as it is
  });

  it("keep a part that gets a click", async () => {
    session.tidies = true;
    session.drawing.addPoint(at(10, 20), 1);
    await decoder.answer(speckled());
    session.drawing.addPoint(at(speck.x, speck.y), 1);
    await decoder.answer(speckled());
    expect(hasSpeck(session.draft.mask!)).toBe(true);
  });

  it("leave a mask as it was saved until it gets other prompts", async () => {
    session.drawing.addPoint(at(10, 20), 1);
    await decoder.answer(speckled());
    session.drawing.accept();
    const { uid } = savedNow();
    session.tidies = true;
    session.drawing.reopen(uid);
    await decoder.answer(speckled());
    expect(hasSpeck(session.draft.mask!)).toBe(true);
    session.drawing.addPoint(at(11, 21), 1);
    await decoder.answer(speckled());
    expect(hasSpeck(session.draft.mask!)).toBe(false);
    session.drawing.accept();
    expect(savedNow()).toMatchObject({ uid, provenance: { tidied: true } });
  });

  it("are switched off and on while an object is drawn", async () => {
    session.drawing.addPoint(at(10, 20), 1);
    await decoder.answer(speckled());
    expect(hasSpeck(session.draft.mask!)).toBe(true);
    session.tidies = true;
    expect(hasSpeck(session.draft.mask!)).toBe(false);
    session.tidies = false;
    expect(hasSpeck(session.draft.mask!)).toBe(true);
    session.drawing.accept();
    expect(hasSpeck(savedNow().segmentation)).toBe(true);
    expect(savedNow().provenance).not.toHaveProperty("tidied");
  });
});
