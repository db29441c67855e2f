import { describe, expect, it } from "vitest";
import { type ImageBox, ImageGeometry, imagePoint } from "./geometry.ts";
import { chooseMask, isEmpty, modelInputs, NO_PROMPTS, type PointLabel, type Prompts } from "./prompts.ts";
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
}

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
      new ImageGeometry(golden, golden.image_size),
    );
    expect([...pointCoords]).toEqual(golden.point_coords.flat());
    expect([...pointLabels]).toEqual(golden.point_labels);
  });

  it("show the same mask first as in Python", () => {
    expect(chooseMask(golden.iou_predictions, promptsOf(golden))).toBe(golden.chosen);
  });
});

it("knows when there is nothing to ask", () => {
  expect(isEmpty(NO_PROMPTS)).toBe(true);
  expect(isEmpty({ ...NO_PROMPTS, box: [0, 0, 1, 1] })).toBe(false);
});
