import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { imagePoint, screenPoint } from "../core/geometry.ts";
import {
  fitted,
  isCrisp,
  MAX_SCALE,
  pan,
  resize,
  toImage,
  toScreen,
  type View,
  visiblePart,
  zoomAt,
} from "./view.ts";

const STAGE = { width: 1000, height: 600 };
const IMAGE = { width: 3000, height: 2000 };

const sizes = fc.record({
  width: fc.integer({ min: 1, max: 9000 }),
  height: fc.integer({ min: 1, max: 9000 }),
});
const onStage = fc.tuple(fc.integer({ min: 0, max: 1000 }), fc.integer({ min: 0, max: 600 }));

/** Whether some of the image is on the stage. */
function isReachable({ scale, x, y }: View, image: typeof IMAGE): boolean {
  return x + image.width * scale > 0 && y + image.height * scale > 0 && x < STAGE.width && y < STAGE.height;
}

describe("a view", () => {
  it("fits the image into the stage, centred", () => {
    const view = fitted(IMAGE, STAGE);
    expect(view.scale).toBeCloseTo(568 / 2000);
    expect(view.x + (IMAGE.width * view.scale) / 2).toBeCloseTo(500);
    expect(view.y).toBeCloseTo(16);
  });

  it("fills the stage with small images too, as far as one can zoom", () => {
    const view = fitted({ width: 16, height: 16 }, STAGE);
    expect(view).toEqual({ scale: 35.5, x: 216, y: 16 });
    expect(isCrisp(view)).toBe(true);
    const single = fitted({ width: 1, height: 1 }, STAGE);
    expect(single.scale).toBe(MAX_SCALE);
    expect(zoomAt(single, screenPoint(500, 300), 2, { width: 1, height: 1 }, STAGE)).toEqual(single);
  });

  it("goes from the stage to the image and back", () => {
    const view = { scale: 0.37, x: -120, y: 33 };
    const [x, y] = toScreen(view, toImage(view, screenPoint(412, 77)));
    expect([x, y]).toEqual([expect.closeTo(412), expect.closeTo(77)]);
    expect(toScreen(view, imagePoint(0, 0))).toEqual([-120, 33]);
  });

  it("keeps the point under the cursor when zooming in", () => {
    fc.assert(
      fc.property(onStage, fc.double({ min: 1, max: 8, noNaN: true }), ([x, y], factor) => {
        const view = fitted(IMAGE, STAGE);
        const at = screenPoint(x, y);
        const before = toImage(view, at);
        fc.pre(before[0] >= 0 && before[0] <= IMAGE.width && before[1] >= 0 && before[1] <= IMAGE.height);
        const after = toImage(zoomAt(view, at, factor, IMAGE, STAGE), at);
        expect(after[0]).toBeCloseTo(before[0], 6);
        expect(after[1]).toBeCloseTo(before[1], 6);
      }),
    );
  });

  it("never loses the image", () => {
    const moves = fc.array(fc.tuple(onStage, fc.double({ min: 0.1, max: 10, noNaN: true })), {
      maxLength: 30,
    });
    fc.assert(
      fc.property(sizes, moves, (image, steps) => {
        let view = fitted(image, STAGE);
        for (const [[x, y], factor] of steps) {
          view = zoomAt(view, screenPoint(x, y), factor, image, STAGE);
          view = pan(view, (x - 500) * 9, (y - 300) * 9, image, STAGE);
          expect(isReachable(view, image)).toBe(true);
          expect(view.scale).toBeLessThanOrEqual(MAX_SCALE);
        }
      }),
    );
  });

  it("keeps the middle when the stage grows", () => {
    const view = fitted(IMAGE, STAGE);
    const larger = { width: 1400, height: 900 };
    const middle = toImage(view, screenPoint(500, 300));
    const after = toImage(resize(view, STAGE, larger, IMAGE), screenPoint(700, 450));
    expect([after[0], after[1]]).toEqual([expect.closeTo(middle[0]), expect.closeTo(middle[1])]);
  });

  it("shows squares above 400 %", () => {
    expect(isCrisp({ scale: 4, x: 0, y: 0 })).toBe(false);
    expect(isCrisp({ scale: 4.1, x: 0, y: 0 })).toBe(true);
  });

  it("knows which device pixels show image", () => {
    expect(visiblePart({ scale: 1, x: -10, y: 20 }, { width: 100, height: 50 }, STAGE, 2)).toEqual({
      left: 0,
      top: 40,
      width: 180,
      height: 100,
    });
    expect(visiblePart({ scale: 1, x: -200, y: 20 }, { width: 100, height: 50 }, STAGE, 2)).toBeNull();
  });
});
