import { describe, expect, it, vi } from "vitest";
import { area } from "../core/rle.ts";
import { decodedMasks } from "../decoder/fake-decoder.test-support.ts";
import { at, decoder, draw, IMAGE, notices, operations, session } from "./session.test-support.ts";

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
