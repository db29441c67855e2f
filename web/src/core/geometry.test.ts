import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { clampToImage, type Fit, ImageGeometry, imagePoint, isInside } from "./geometry.ts";
import { goldenCases } from "./vectors.test-support.ts";

interface Case {
  height: number;
  width: number;
  image_size: number;
  fit: Fit;
  input_size: [number, number];
  valid_cells: [number, number];
  image_points: [number, number][];
  model_points: [number, number][];
}

describe("ImageGeometry", () => {
  it.each(goldenCases<Case>("geometry"))(
    "places $height × $width in $image_size as Python does, $fit",
    (golden) => {
      const geometry = new ImageGeometry(golden, golden);
      expect([geometry.inputHeight, geometry.inputWidth]).toEqual(golden.input_size);
      const valid = geometry.validCells(256);
      expect([valid.height, valid.width]).toEqual(golden.valid_cells);
      golden.image_points.forEach(([x, y], index) => {
        const [modelX, modelY] = geometry.toModel(imagePoint(x, y));
        expect(modelX).toBeCloseTo(golden.model_points[index]![0], 9);
        expect(modelY).toBeCloseTo(golden.model_points[index]![1], 9);
      });
    },
  );

  it("comes back from model pixels", () => {
    const side = fc.integer({ min: 1, max: 9000 });
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    const fits = fc.constantFrom<Fit>("pad", "stretch");
    fc.assert(
      fc.property(side, side, share, share, fits, (height, width, x, y, fit) => {
        const geometry = new ImageGeometry({ height, width }, { image_size: 1024, fit });
        const [backX, backY] = geometry.toImage(geometry.toModel(imagePoint(x * width, y * height)));
        expect(backX).toBeCloseTo(x * width, 6);
        expect(backY).toBeCloseTo(y * height, 6);
      }),
    );
  });

  it("refuses impossible sizes", () => {
    expect(() => new ImageGeometry({ height: 0, width: 4 }, { image_size: 512, fit: "pad" })).toThrow(
      "0 × 4",
    );
    expect(
      () => new ImageGeometry({ height: Number.NaN, width: 4 }, { image_size: 512, fit: "stretch" }),
    ).toThrow(RangeError);
  });
});

it("knows the image's border", () => {
  const size = { height: 10, width: 20 };
  expect(isInside(imagePoint(20, 10), size)).toBe(true);
  expect(isInside(imagePoint(10, 20), size)).toBe(false);
  expect(clampToImage(imagePoint(-3, 15), size)).toEqual([0, 10]);
});
