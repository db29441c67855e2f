import { describe, expect, it } from "vitest";
import { encode } from "../core/rle.ts";
import type { Annotation } from "../session/types.ts";
import { promptsElsewhere } from "./propagate.ts";

const mask = { height: 4, width: 8, data: new Uint8Array(32).fill(1, 8, 12) }; // row 1, columns 0 to 3
const drawn: Annotation = {
  uid: "a",
  category_id: null,
  segmentation: encode(mask),
  iscrowd: 0,
  attributes: {},
  provenance: null,
};
const from = { height: 4, width: 8 };
const to = { height: 8, width: 16 };

describe("prompts on another image", () => {
  it("are those that made the mask, at the same relative place", () => {
    const prompts = { points: [[2, 1, 1] as [number, number, 1]], box: null, mask: false };
    const provenance = { model_sha256: null, mask_index: 1, predicted_iou: 1, prompts, seconds: 1 };
    expect(promptsElsewhere({ ...drawn, provenance }, from, to)).toEqual({
      points: [{ at: [4, 2], label: 1 }],
      box: null,
      mask: null,
    });
  });

  it("are a box around a mask that no prompts made", () => {
    expect(promptsElsewhere(drawn, from, to)).toEqual({ points: [], box: [0, 2, 8, 4], mask: null });
  });

  it("are none where nothing would be left of them", () => {
    const empty = { ...drawn, segmentation: encode({ ...mask, data: new Uint8Array(32) }) };
    expect(promptsElsewhere(empty, from, to)).toBeNull();
  });
});
