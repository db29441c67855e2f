import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Bitmap, createBitmap } from "../core/bitmap.ts";
import { boundingBox, encode } from "../core/rle.ts";
import { bitmapFromText, randomNumbers } from "../core/vectors.test-support.ts";
import { drawContour } from "./contour.ts";
import { blit, type Grid, makeStencil, type Stencil } from "./stencil.ts";

function stencilOf(mask: Bitmap, grid: Partial<Grid> = {}): Stencil | null {
  const rle = encode(mask);
  const whole = { left: 0, top: 0, step: 1, width: mask.width, height: mask.height, ...grid };
  return makeStencil(rle, boundingBox(rle), whole, { ...whole, left: 0, top: 0 });
}

function rowsOf({ levels, width, height }: Stencil): string[] {
  return Array.from({ length: height }, (_, y) =>
    [...levels.subarray(y * width, (y + 1) * width)].map((level) => ".#o"[level]).join(""),
  );
}

describe("a stencil", () => {
  const mask = bitmapFromText(["......", ".####.", ".####.", ".####.", "......", "......"]);

  it("is the mask in its box, with its rim", () => {
    const stencil = stencilOf(mask)!;
    expect([stencil.left, stencil.top]).toEqual([0, 0]);
    expect(rowsOf(stencil)).toEqual(["......", ".oooo.", ".o##o.", ".oooo.", "......"]);
  });

  it("has no rim where the grid ends", () => {
    const stencil = stencilOf(mask, { left: 2, top: 2, width: 2, height: 4 })!;
    expect(rowsOf(stencil)).toEqual(["##", "oo", ".."]);
  });

  it("shows the image pixel under the middle of each output pixel", () => {
    const random = randomNumbers(5);
    const noise = createBitmap({ height: 40, width: 60 });
    noise.data.forEach((_, index) => {
      noise.data[index] = random() < 0.5 ? 1 : 0;
    });
    for (const step of [1, 1.7, 2, 3.3]) {
      const grid = { left: 7, top: 3, step, width: Math.floor(50 / step), height: Math.floor(30 / step) };
      const pixels = new Uint32Array(grid.width * grid.height);
      blit(stencilOf(noise, grid)!, { ...grid, left: 0, top: 0 }, 5, 5, pixels, grid.width);
      pixels.forEach((value, index) => {
        const x = Math.floor(grid.left + ((index % grid.width) + 0.5) * step);
        const y = Math.floor(grid.top + (Math.floor(index / grid.width) + 0.5) * step);
        expect(value).toBe(5 * noise.data[y * 60 + x]!);
      });
    }
  });

  it("is nothing for an empty mask, or outside the grid", () => {
    expect(stencilOf(createBitmap({ height: 4, width: 4 }))).toBeNull();
    expect(stencilOf(mask, { left: 100, width: 10 })).toBeNull();
  });
});

/** Unit edges of a contour, as "x,y,direction". */
function contourEdges(mask: Bitmap): string[] {
  const edges: string[] = [];
  let [penX, penY] = [0, 0];
  drawContour(encode(mask), {
    moveTo: (x, y) => {
      [penX, penY] = [x, y];
    },
    lineTo: (x, y) => {
      if (y === penY) edges.push(`${penX},${y},h`);
      for (let step = penY; step < y; step++) edges.push(`${x},${step},v`);
    },
  });
  return edges.sort();
}

it("draws the contour along every edge between mask and background, once", () => {
  const masks = fc
    .tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 }))
    .chain(([height, width]) =>
      fc
        .uint8Array({ minLength: height * width, maxLength: height * width, max: 1 })
        .map((data) => ({ height, width, data })),
    );
  fc.assert(
    fc.property(masks, (mask) => {
      const { height, width, data } = mask;
      const inside = (x: number, y: number) =>
        x >= 0 && y >= 0 && x < width && y < height && data[y * width + x] === 1;
      const expected: string[] = [];
      for (let y = 0; y <= height; y++) {
        for (let x = 0; x <= width; x++) {
          if (inside(x, y) !== inside(x, y - 1)) expected.push(`${x},${y},h`);
          if (inside(x, y) !== inside(x - 1, y)) expected.push(`${x},${y},v`);
        }
      }
      expect(contourEdges(mask)).toEqual(expected.sort());
    }),
  );
});
