import { beforeEach, describe, expect, it, vi } from "vitest";
import { type KeptDraft, NO_DRAFT } from "../core/draft.ts";
import { imagePoint } from "../core/geometry.ts";
import { NO_PROMPTS } from "../core/prompts.ts";
import { area, contains, decode, type Rle } from "../core/rle.ts";
import type { Decoded } from "../decoder/decoder.ts";
import { decodedMasks, FakeDecoder } from "../decoder/fake-decoder.test-support.ts";
import { createSession, type Session } from "./session.svelte.ts";
import type { Annotation, Operation } from "./types.ts";

const IMAGE = { id: 7, height: 48, width: 64 };
const at = imagePoint;

const saved: Annotation = {
  uid: "saved",
  category_id: 2,
  segmentation: { size: [48, 64], counts: "P3`0`l2" }, // 96 pixels background, 16 mask: the top of column 2
  iscrowd: 0,
  attributes: {},
  provenance: null,
};

let decoder: FakeDecoder;
let operations: Operation[];
let draft: KeptDraft | null;
let notices: string[];
let session: Session;

beforeEach(() => {
  decoder = new FakeDecoder();
  operations = [];
  draft = null;
  notices = [];
  session = createSession({
    decoder,
    record: (imageId, made, drawn) => {
      expect(imageId).toBe(session.image!.id);
      operations.push(...made);
      draft = drawn;
    },
    notify: ({ message }) => notices.push(message),
  });
  session.setCategories([
    { id: 1, name: "cat", color: "#ff0000" },
    { id: 2, name: "dog", color: "#00ff00" },
  ]);
  session.open(IMAGE, [saved]);
});

async function draw(): Promise<void> {
  session.drawing.addPoint(at(10, 20), 1);
  await decoder.answer();
}

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

describe("drawing an object", () => {
  it("shows the best of masks 1 to 3 for one point, and all four for more", async () => {
    session.drawing.addPoint(at(10, 20), 1);
    expect([session.draft.decoding, session.draft.canAccept, session.draft.candidates]).toEqual([
      true,
      false,
      [],
    ]);
    await decoder.answer();
    expect([session.draft.decoding, session.draft.canAccept, session.draft.shownIndex]).toEqual([
      false,
      true,
      2,
    ]);
    expect(session.draft.candidates.map(({ index }) => index)).toEqual([2, 3, 1]); // best first
    session.drawing.addPoint(at(12, 20), 0);
    await decoder.answer();
    expect(session.draft.shownIndex).toBe(0);
    expect(session.draft.candidates).toHaveLength(4);
  });

  it("cycles both ways and saves the mask that is shown", async () => {
    await draw();
    session.drawing.cycle(1);
    session.drawing.cycle(1);
    expect(session.draft.shownIndex).toBe(1);
    session.drawing.cycle(-1);
    expect(session.draft.shownIndex).toBe(3);
    session.drawing.accept();
    expect(operations).toMatchObject([
      {
        kind: "create",
        category_id: null,
        provenance: {
          model_sha256: decoder.manifest!.weights_sha256,
          mask_index: 3,
          prompts: { points: [[10, 20, 1]], box: null, mask: false },
        },
      },
    ]);
    expect(area(session.list.annotations[1]!.segmentation)).toBe(48 * 32); // 4 of 8 columns
    expect(session.draft.active).toBe(false);
    expect(session.draft.shownPlane).toBeNull();
  });

  it("accepts as soon as the answer is there when Enter was faster", async () => {
    session.drawing.addPoint(at(10, 20), 1);
    session.drawing.accept();
    expect(operations).toEqual([]);
    await decoder.answer();
    expect(operations).toHaveLength(1);
  });

  it("takes the candidate that was asked for before there were any", async () => {
    session.drawing.addPoint(at(10, 20), 1);
    session.drawing.cycle(1);
    session.drawing.accept();
    session.drawing.cycle(1); // too late: this one is accepted
    await decoder.answer();
    expect(operations).toMatchObject([{ kind: "create", provenance: { mask_index: 3 } }]);
  });

  it("keeps an early Enter when somebody else changes the image meanwhile", async () => {
    session.drawing.addPoint(at(10, 20), 1);
    session.drawing.accept();
    session.replaceAnnotations([]);
    await decoder.answer();
    expect(operations).toMatchObject([{ kind: "create" }]);
  });

  it("keeps what has a mask when the image is left, and says when there is none yet", async () => {
    session.drawing.addPoint(at(10, 20), 1);
    expect(session.drawing.keep()?.message).toContain("not answered yet");
    expect(operations).toEqual([]);
    await decoder.answer();
    expect(session.drawing.keep()).toBeNull();
    expect(operations).toMatchObject([{ kind: "create" }]);
  });

  it("forgets an early Enter when the prompts change again", async () => {
    session.drawing.addPoint(at(10, 20), 1);
    session.drawing.accept();
    session.drawing.addPoint(at(30, 20), 1);
    await decoder.answer();
    await decoder.answer();
    expect(operations).toEqual([]);
    expect(session.draft.canAccept).toBe(true);
  });

  it("never shows an answer to older prompts as the current one", async () => {
    session.drawing.addPoint(at(10, 20), 1);
    session.drawing.addPoint(at(30, 20), 1);
    await decoder.answer();
    expect(session.draft.canAccept).toBe(false);
    session.drawing.drop();
    await decoder.answer();
    expect(session.draft.shownPlane).toBeNull();
  });

  it("refuses an empty mask", async () => {
    session.drawing.addPoint(at(10, 20), 1);
    await decoder.answer({ ...decodedMasks(), lowRes: new Float32Array(4 * 64).fill(-1) });
    session.drawing.accept();
    expect(operations).toEqual([]);
    expect(notices[0]).toContain("empty");
    expect(session.drawing.keep()).toMatchObject({
      message: "This mask is empty.",
      hint: expect.stringContaining("{cycle}"),
    });
    expect(session.draft.active).toBe(true);
  });

  it("refuses what only takes away, until something says where the object is", async () => {
    session.drawing.addPoint(at(10, 20), 0);
    await decoder.answer();
    expect(session.draft.canAccept).toBe(false);
    session.drawing.accept();
    expect([operations, notices[0]]).toEqual([[], expect.stringContaining("only points that take away")]);
    session.drawing.addPoint(at(30, 20), 1);
    await decoder.answer();
    expect(session.draft.canAccept).toBe(true);
    session.drawing.accept();
    expect(operations).toMatchObject([{ kind: "create" }]);
  });

  it("ignores points outside the image and clamps boxes", async () => {
    session.drawing.addPoint(at(-1, 5), 1);
    session.drawing.setBox(at(70, 60), at(70, -3));
    expect(session.draft.active).toBe(false);
    session.drawing.setBox(at(70, 60), at(3.1378, -3));
    expect(session.draft.prompts.box).toEqual([3.14, 0, 64, 48]);
  });

  it("takes prompts back one by one", async () => {
    session.drawing.setBox(at(1, 1), at(9, 9));
    session.drawing.addPoint(at(10, 20), 1);
    session.drawing.movePoint(0, at(99, 20));
    expect(session.draft.prompts.points[0]!.at).toEqual([64, 20]);
    session.drawing.removeLastPrompt();
    expect(session.draft.prompts).toMatchObject({ points: [], box: [1, 1, 9, 9] });
    session.drawing.removeLastPrompt();
    expect(session.draft.active).toBe(false);
    session.drawing.removeLastPrompt();
    expect(session.draft.active).toBe(false);
  });

  it("waits for the embedding", async () => {
    decoder.info = { ...decoder.info, state: "preparing" };
    session.drawing.addPoint(at(10, 20), 1);
    session.drawing.accept();
    expect(notices[0]).toContain("still being prepared");
    decoder.info = { ...decoder.info, state: "ready" };
    session.embeddingReady();
    await decoder.answer();
    expect(session.draft.canAccept).toBe(true);
  });

  it("says what went wrong in the decoder", async () => {
    session.drawing.addPoint(at(10, 20), 1);
    decoder.requests.shift()!.reject(new Error("out of memory"));
    await vi.waitFor(() => expect(notices).toEqual(["out of memory"]));
  });
});

describe("hovering", () => {
  it("previews, and a click on the spot needs no second decode", async () => {
    session.drawing.hover(at(10, 20));
    await decoder.answer();
    expect(session.draft.active).toBe(false);
    expect(session.draft.shownPlane?.offset).toBe(128);
    session.drawing.addPoint(at(10, 20), 1);
    expect(decoder.requests).toEqual([]);
    expect([session.draft.active, session.draft.canAccept]).toEqual([true, true]);
  });

  it("asks once per place, and not outside, while drawing or with the box", async () => {
    session.drawing.hover(at(10, 20));
    session.drawing.hover(at(10, 20.001));
    session.drawing.hover(at(10, 48.5));
    session.setTool("box");
    session.drawing.hover(at(10, 20));
    expect(decoder.requests).toHaveLength(1);
    await decoder.answer();
    expect(session.draft.shownPlane).toBeNull(); // the pointer has left
    session.setTool("points");
    session.drawing.addPoint(at(10, 20), 1);
    session.drawing.hover(at(30, 20));
    expect(decoder.requests).toHaveLength(1);
  });

  it("does not show up on the next image", async () => {
    session.drawing.hover(at(10, 20));
    session.open({ ...IMAGE, id: 8 }, []);
    session.drawing.hover(at(11, 20));
    await decoder.answer();
    expect(session.draft.shownPlane).toBeNull();
  });
});

describe("undo and redo", () => {
  it("cover prompts, choice and acceptance, and tell the server", async () => {
    await draw();
    session.drawing.cycle(1);
    session.drawing.accept();
    const { uid } = session.list.annotations[1]!;
    session.store.undo();
    expect(operations.at(-1)).toEqual({ kind: "delete", uid });
    expect(session.draft.prompts.points).toHaveLength(1);
    await decoder.answer();
    expect(session.draft.shownIndex).toBe(3);
    session.store.undo();
    session.store.undo();
    expect([session.draft.active, session.store.canUndo, session.store.canRedo]).toEqual([
      false,
      false,
      true,
    ]);
    for (let step = 0; step < 3; step++) session.store.redo();
    expect(operations.at(-1)).toEqual({ kind: "restore", uid });
    expect(session.list.annotations[1]!.uid).toBe(uid);
    expect(session.store.canRedo).toBe(false);
  });

  it("bring back what was deleted", () => {
    session.selection.select("saved");
    session.remove("saved");
    expect([session.list.annotations, session.selection.uid]).toEqual([[], null]);
    session.store.undo();
    expect(session.list.annotations).toHaveLength(1);
    expect(operations.map(({ kind }) => kind)).toEqual(["delete", "restore"]);
  });

  it("start anew when the server's state replaces ours", async () => {
    await draw();
    session.replaceAnnotations([]);
    expect([session.store.canUndo, session.draft.active, session.list.annotations]).toEqual([
      false,
      true,
      [],
    ]);
    expect(operations).toEqual([]);
  });
});

describe("what is being drawn", () => {
  it("is recorded with every step of it, and as gone together with what it became", async () => {
    await draw();
    session.drawing.show(3);
    session.chooseCategory(2);
    expect(draft).toMatchObject({
      prompts: session.draft.prompts,
      shown: 3,
      reopenedUid: null,
      categoryId: 2,
    });
    session.drawing.accept();
    expect([operations.at(-1)?.kind, draft]).toEqual(["create", null]);
    session.store.undo();
    expect([operations.at(-1)?.kind, draft?.shown]).toEqual(["delete", 3]);
    session.drawing.drop();
    expect(draft).toBeNull();
  });

  it("is there again as it was when the image is opened with it", async () => {
    await draw();
    session.drawing.show(3);
    session.chooseCategory(2);
    const kept = structuredClone(draft);
    session.close();
    session.chooseCategory(1);
    session.open(IMAGE, [saved], kept);
    expect([session.draft.active, session.categoryId, session.store.canUndo]).toEqual([true, 2, false]);
    await decoder.answer();
    expect(session.draft.shownIndex).toBe(3);
    session.drawing.accept();
    expect(operations.at(-1)).toMatchObject({
      kind: "create",
      category_id: 2,
      provenance: { mask_index: 3 },
    });
  });

  it("stays what it was when the image is left without an answer", () => {
    session.drawing.addPoint(at(10, 20), 1);
    expect(session.drawing.keep()).not.toBeNull();
    session.close();
    expect(draft?.prompts.points).toHaveLength(1);
  });

  it("becomes an object of its own when the annotation that it changes is gone", async () => {
    session.drawing.reopen("saved");
    session.drawing.addPoint(at(10, 20), 1);
    await decoder.answer();
    session.replaceAnnotations([]);
    expect([session.draft.active, session.draft.reopenedUid]).toEqual([true, null]);
    session.drawing.accept();
    expect(operations.at(-1)?.kind).toBe("create");
  });

  it("is nothing when an annotation was only reopened, and is gone", () => {
    session.drawing.reopen("saved");
    session.replaceAnnotations([]);
    expect([session.draft.active, draft]).toEqual([false, null]);
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
