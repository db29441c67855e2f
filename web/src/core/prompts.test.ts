import { describe, expect, it } from "vitest";
import { type Fit, type ImageBox, ImageGeometry, imagePoint } from "./geometry.ts";
import {
  chooseMask,
  isEmpty,
  type MaskSpec,
  masksToOffer,
  modelInputs,
  NO_PROMPTS,
  type PointLabel,
  type Prompts,
} from "./prompts.ts";
import { goldenCases } from "./vectors.test-support.ts";

interface Case {
  points: [number, number][];
  labels: PointLabel[];
  box: ImageBox | null;
  has_mask: boolean;
  height: number;
  width: number;
  image_size: number;
  point_coords: [number, number][];
  point_labels: number[];
  iou_predictions: number[];
  chosen: number;
  always_padded: { fit: Fit; point_coords: [number, number][]; point_labels: number[] };
  chosen_of: (MaskSpec & { chosen: number })[];
}

const SAM_MASKS: MaskSpec = { count: 4, low_res_size: 256, unambiguous: 0, ambiguous: [1, 2, 3] };

function promptsOf(golden: Case): Prompts {
  return {
    points: golden.points.map(([x, y], index) => ({ at: imagePoint(x, y), label: golden.labels[index]! })),
    box: golden.box,
    mask: golden.has_mask ? { size: [golden.height, golden.width], counts: "" } : null,
  };
}

describe.each(goldenCases<Case>("prompts"))("prompts $points $labels box $box mask $has_mask", (golden) => {
  it("become the decoder's inputs as in Python", () => {
    const { pointCoords, pointLabels } = modelInputs(
      promptsOf(golden),
      new ImageGeometry(golden, { ...golden, fit: "pad" }),
      { padding: "without_box" },
    );
    expect([...pointCoords]).toEqual(golden.point_coords.flat());
    expect([...pointLabels]).toEqual(golden.point_labels);
  });

  it("are padded always where the model wants it, as in Python", () => {
    const { fit, point_coords, point_labels } = golden.always_padded;
    const geometry = new ImageGeometry(golden, { ...golden, fit });
    const { pointCoords, pointLabels } = modelInputs(promptsOf(golden), geometry, { padding: "always" });
    expect([...pointCoords]).toEqual(point_coords.flat());
    expect([...pointLabels]).toEqual(point_labels);
  });

  it("show the same mask first as in Python", () => {
    const prompts = promptsOf(golden);
    expect(chooseMask(golden.iou_predictions, prompts, SAM_MASKS)).toBe(golden.chosen);
    for (const masks of golden.chosen_of) {
      expect(chooseMask(golden.iou_predictions, prompts, masks)).toBe(masks.chosen);
      expect(masksToOffer(prompts, masks)).toContain(masks.chosen);
    }
  });
});

it("knows when there is nothing to ask", () => {
  expect(isEmpty(NO_PROMPTS)).toBe(true);
  expect(isEmpty({ ...NO_PROMPTS, box: [0, 0, 1, 1] })).toBe(false);
});
