import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ColumnMask } from "./column-mask.ts";
import { maskFromRings } from "./polygon.ts";
import { encode } from "./rle.ts";
import { drawRings, smoothOutline } from "./smooth-outline.ts";

const SIZE = { height: 40, width: 50 };

/** Ellipses, as (height, width) booleans in one array. */
const blobs = fc
  .array(
    fc.tuple(
      fc.integer({ min: 0, max: 50 }),
      fc.integer({ min: 0, max: 40 }),
      fc.integer({ min: 2, max: 14 }),
      fc.integer({ min: 2, max: 14 }),
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map((ellipses) =>
    Uint8Array.from({ length: SIZE.height * SIZE.width }, (_, index) => {
      const [x, y] = [(index % SIZE.width) + 0.5, Math.floor(index / SIZE.width) + 0.5];
      return Number(ellipses.some(([cx, cy, rx, ry]) => ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1));
    }),
  );

const maskOf = (data: Uint8Array) => ColumnMask.from(encode({ ...SIZE, data }));

describe("a smooth outline", () => {
  it("is nowhere more than a pixel off", () => {
    fc.assert(
      fc.property(blobs, (data) => {
        const back = maskFromRings(smoothOutline(maskOf(data)), SIZE);
        const shown = new Uint8Array(data.length);
        back.eachStretch((x, top, bottom) => {
          for (let y = top; y < bottom; y++) shown[y * SIZE.width + x] = 1;
        });
        for (let index = 0; index < data.length; index++) {
          if (shown[index] === data[index]) continue;
          const [x, y] = [index % SIZE.width, Math.floor(index / SIZE.width)];
          const around = [-1, 0, 1].flatMap((dy) => [-1, 0, 1].map((dx) => [x + dx, y + dy] as const));
          const at = ([ax, ay]: readonly [number, number]) =>
            ax >= 0 && ay >= 0 && ax < SIZE.width && ay < SIZE.height ? data[ay * SIZE.width + ax] : 0;
          expect(new Set(around.map(at)).size).toBe(2); // on the border
        }
      }),
      { numRuns: 200 },
    );
  });

  it("has few corners, and right angles stay", () => {
    const data = Uint8Array.from({ length: SIZE.height * SIZE.width }, (_, index) => {
      const [x, y] = [index % SIZE.width, Math.floor(index / SIZE.width)];
      return Number(x >= 10 && x < 30 && y >= 5 && y < 25);
    });
    const [ring] = smoothOutline(maskOf(data));
    expect(ring!.length).toBeLessThanOrEqual(8);
    const drawn: number[][] = [];
    const pen = {
      moveTo: () => undefined,
      lineTo: (x: number, y: number) => drawn.push([x, y]),
      quadraticCurveTo: (_x: number, _y: number, x: number, y: number) => drawn.push([x, y]),
      closePath: () => undefined,
    };
    drawRings([ring!], pen);
    const across = drawn.map(([x]) => x!);
    expect(Math.abs(Math.min(...across) - 10) + Math.abs(Math.max(...across) - 30)).toBeLessThan(0.5);
  });

  it("of one pixel is seen", () => {
    const data = new Uint8Array(SIZE.height * SIZE.width);
    data[5 * SIZE.width + 7] = 1;
    expect(smoothOutline(maskOf(data))).toHaveLength(1);
    expect(smoothOutline(maskOf(new Uint8Array(data.length)))).toEqual([]);
  });
});
