import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { sweep } from "../core/brush.ts";
import { ColumnMask } from "../core/column-mask.ts";
import { subtract, union } from "../core/combine.ts";
import { imagePoint } from "../core/geometry.ts";
import { bitmaps, maskOf, pixelsOf } from "../core/masks.test-support.ts";
import { rgba } from "../core/paint.ts";
import { EditLayer } from "./edit-layer.ts";
import type { EditScene, Place } from "./scene.ts";

const IMAGE = { height: 37, width: 80 };
const STAGE = { width: 90, height: 60 };
const HALO = rgba("#000000", 0.7); // around the mask, and no part of it

/** A canvas that keeps what is put on it, and how much that was. */
class Canvas {
  pixels = new Uint32Array(0);
  /** Device pixels that were painted since the last look. */
  painted = 0;
  private size = { width: 0, height: 0 };
  readonly context = { canvas: this, ...this.methods() } as unknown as CanvasRenderingContext2D;

  get width(): number {
    return this.size.width;
  }

  get height(): number {
    return this.size.height;
  }

  set width(width: number) {
    this.resize({ ...this.size, width });
  }

  set height(height: number) {
    this.resize({ ...this.size, height });
  }

  takePainted(): number {
    const { painted } = this;
    this.painted = 0;
    return painted;
  }

  private resize(size: { width: number; height: number }): void {
    this.size = size;
    this.pixels = new Uint32Array(size.width * size.height);
  }

  private methods() {
    return {
      clearRect: (x: number, y: number, width: number, height: number) => {
        expect([x, y, width, height]).toEqual([0, 0, this.width, this.height]);
        this.pixels.fill(0);
      },
      putImageData: (
        image: ImageData,
        x: number,
        y: number,
        left: number,
        top: number,
        w: number,
        h: number,
      ) => {
        const source = new Uint32Array(image.data.buffer, image.data.byteOffset, image.width * image.height);
        expect(left >= 0 && top >= 0 && left + w <= image.width && top + h <= image.height).toBe(true);
        for (let row = top; row < top + h; row++) {
          const start = row * image.width + left;
          this.pixels.set(source.subarray(start, start + w), (y + row) * this.width + x + left);
        }
        this.painted += w * h;
      },
    };
  }
}

/** Node has none. */
class PlainImageData {
  constructor(
    readonly data: Uint8ClampedArray,
    readonly width: number,
    readonly height: number,
  ) {}
}

beforeAll(() => vi.stubGlobal("ImageData", PlainImageData));
afterAll(() => vi.unstubAllGlobals());

interface State {
  readonly place: Place;
  readonly mask: ColumnMask;
  readonly style: EditScene["style"];
  readonly hidden: boolean;
}

type Act = (before: State) => State;

const place = (scale: number, x: number, y: number, pixelRatio: number): Place => ({
  image: IMAGE,
  view: { scale, x, y },
  stage: STAGE,
  pixelRatio,
});

const places = fc
  .tuple(
    fc.oneof(fc.double({ min: 0.3, max: 9, noNaN: true }), fc.constantFrom(1, 0.5, 2)),
    fc.integer({ min: -200, max: 60 }),
    fc.integer({ min: -150, max: 40 }),
    fc.constantFrom(1, 1.25, 2, 3),
  )
  .map((numbers) => place(...numbers));

const points = fc
  .tuple(fc.double({ min: -5, max: 85, noNaN: true }), fc.double({ min: -5, max: 42, noNaN: true }))
  .map(([x, y]) => imagePoint(x, y));

const acts: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(
        points,
        points,
        fc.integer({ min: 1, max: 25 }),
        fc.constantFrom("round", "square"),
        fc.boolean(),
      )
      .map(([from, to, size, shape, erases]): Act => {
        const swept = sweep(from, to, size, shape as "round" | "square", IMAGE);
        return (before) => ({
          ...before,
          mask: erases ? subtract(before.mask, swept) : union(before.mask, swept),
        });
      }),
  },
  bitmaps().map(
    (bitmap): Act =>
      (before) => ({ ...before, mask: maskOf(bitmap) }),
  ),
  places.map(
    (moved): Act =>
      (before) => ({ ...before, place: moved }),
  ),
  fc.constantFrom<Act[]>(
    (before) => ({ ...before, hidden: !before.hidden }),
    (before) => ({ ...before, style: { ...before.style, colour: "#00ff00" } }),
    (before) => ({ ...before, style: { ...before.style, alpha: 0.25 } }),
    (before) => ({ ...before, style: { ...before.style, rim: "#ffffff" } }),
    (before) => before,
  ),
);

function paint(layer: EditLayer, { place, mask, style, hidden }: State): void {
  layer.paint(place, hidden ? null : { mask, style });
}

function paintedAnew(state: State): Canvas {
  const canvas = new Canvas();
  paint(new EditLayer(canvas.context), state);
  return canvas;
}

/** 1 where a device pixel's middle lies over mask. */
function covered({ place, mask, hidden }: State, { width, height }: Canvas): Uint32Array {
  const { view, pixelRatio } = place;
  const pixels = pixelsOf(mask);
  const at = (device: number, offset: number) =>
    Math.floor(((device + 0.5) / pixelRatio - offset) / view.scale);
  return Uint32Array.from({ length: width * height }, (_, index) => {
    const [x, y] = [at(index % width, view.x), at(Math.floor(index / width), view.y)];
    const inside = !hidden && x >= 0 && y >= 0 && x < IMAGE.width && y < IMAGE.height;
    return inside ? pixels[y * IMAGE.width + x]! : 0;
  });
}

/** Index; -1 when there is none. */
function firstDifference(a: Uint32Array, b: Uint32Array): number {
  expect(a.length).toBe(b.length);
  return a.findIndex((pixel, index) => pixel !== b[index]);
}

const FRESH = {
  mask: ColumnMask.empty(IMAGE),
  style: { colour: "#ff0000", alpha: 0.5, rim: "#ff0000" },
  hidden: false,
};

describe("the mask that is changed by hand", () => {
  it("looks after any strokes and moves as if it were painted anew", () => {
    fc.assert(
      fc.property(places, fc.array(acts, { minLength: 1, maxLength: 12 }), (start, steps) => {
        const canvas = new Canvas();
        const layer = new EditLayer(canvas.context);
        let state: State = { place: start, ...FRESH };
        paint(layer, state);
        for (const act of steps) {
          state = act(state);
          paint(layer, state);
          expect(firstDifference(canvas.pixels, paintedAnew(state).pixels)).toBe(-1);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("shows at each pixel of the screen what lies under its middle", () => {
    fc.assert(
      // At scales and offsets in which no middle lies on the edge of an image pixel.
      fc.property(
        bitmaps(),
        fc.constantFrom(0.37, 1.3, 3.7),
        fc.constantFrom(1, 2),
        (bitmap, scale, ratio) => {
          const state = { place: place(scale, -7.31, 5.17, ratio), ...FRESH, mask: maskOf(bitmap) };
          const canvas = paintedAnew(state);
          const shown = canvas.pixels.map((pixel) => (pixel === 0 || pixel === HALO ? 0 : 1));
          expect(firstDifference(shown, covered(state, canvas))).toBe(-1);
        },
      ),
      { numRuns: 30 },
    );
  });

  it("has a rim of its colour, as wide as the screen is fine, and not where the image or the stage ends", () => {
    const { length } = pixelsOf(FRESH.mask);
    const data = Uint8Array.from({ length }, (_, index) => (index % IMAGE.width >= 5 ? 1 : 0));
    const mask = maskOf({ ...IMAGE, data });
    const row = (x: number) => [
      ...paintedAnew({ place: place(4, x, -40, 2), ...FRESH, mask }).pixels.slice(0, 180),
    ];
    const cut = row(10); // from 10 + 4 · 5 CSS px on, beyond the right end of the stage
    const [rim, fill] = [cut[60]!, cut[63]!];
    const border = [...Array(58).fill(0), ...Array(2).fill(HALO), ...Array(3).fill(rim)];
    expect(cut).toEqual([...border, ...Array(117).fill(fill)]);
    expect(rim).not.toBe(fill);
    expect(new Set(row(-260).slice(0, 120))).toEqual(new Set([fill])); // to the right end of the image
  });

  it("is told from a white and from a black picture at every edge: the rim is light, and dark lies around it", () => {
    fc.assert(
      fc.property(
        bitmaps(),
        fc.constantFrom(0.37, 1.3, 3.7),
        fc.constantFrom(1, 2),
        (bitmap, scale, ratio) => {
          const style = { ...FRESH.style, rim: "#ffffff" };
          const state = { place: place(scale, -7.31, 5.17, ratio), ...FRESH, style, mask: maskOf(bitmap) };
          const canvas = paintedAnew(state);
          const inside = covered(state, canvas);
          const part = covered(
            { ...state, mask: maskOf({ ...IMAGE, data: new Uint8Array(bitmap.data.length).fill(1) }) },
            canvas,
          );
          const white = rgba("#ffffff", 1);
          inside.forEach((mask, index) => {
            if (mask === 0) return;
            const x = index % canvas.width;
            const around = [index - canvas.width, index + canvas.width];
            if (x > 0) around.push(index - 1);
            if (x < canvas.width - 1) around.push(index + 1);
            const beyond = around.filter((each) => part[each] === 1 && inside[each] === 0);
            if (beyond.length > 0) expect(canvas.pixels[index]).toBe(white);
            for (const each of beyond) expect(canvas.pixels[each]).toBe(HALO);
          });
        },
      ),
      { numRuns: 100 },
    );
  });

  it("paints no more of the screen for a dab than the dab and the rim around it", () => {
    const canvas = new Canvas();
    const layer = new EditLayer(canvas.context);
    const before = { place: place(1, 5, 5, 2), ...FRESH };
    paint(layer, before);
    canvas.takePainted();
    const dab = sweep(imagePoint(40, 20), imagePoint(40, 20), 4, "square", IMAGE);
    paint(layer, { ...before, mask: union(before.mask, dab) });
    expect(canvas.takePainted()).toBe((4 * 2 + 2 * 4) ** 2); // four device pixels on each side: a rim of three, and one
    paint(layer, { ...before, mask: union(before.mask, dab) });
    paint(layer, { ...before, place: { ...before.place } });
    expect(canvas.takePainted()).toBeGreaterThan(1000); // another place is painted anew
  });
});
