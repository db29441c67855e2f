import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ImageGeometry } from "./geometry.ts";
import { imageAxes, makeAxis } from "./logits.ts";
import { MaskPainter, rgba } from "./paint.ts";

const STYLE = { fill: 1, rim: 2, rimWidth: 1 };

/** Logits as one row of text per row of the grid: `#` above 0. */
function planeOf(rows: readonly string[]): { data: Float32Array; offset: number } {
  return { data: Float32Array.from(rows.join(""), (cell) => (cell === "#" ? 1 : -1)), offset: 0 };
}

function textOf(pixels: Uint32Array, width: number): string[] {
  return Array.from({ length: pixels.length / width }, (_, y) =>
    [...pixels.subarray(y * width, (y + 1) * width)].map((value) => ".#o"[value] ?? "?").join(""),
  );
}

describe("painting a mask", () => {
  const rows = ["######", "######", "####..", "####..", "......", "......"];
  const axes = imageAxes(new ImageGeometry({ height: 6, width: 6 }, { image_size: 6, fit: "pad" }), 6);

  it("fills it with a rim inside, but not along the border of the output", () => {
    const pixels = new Uint32Array(36);
    const box = new MaskPainter().paint(planeOf(rows), axes, pixels, STYLE);
    expect(box).toEqual({ left: 0, top: 0, width: 6, height: 4 });
    expect(textOf(pixels, 6)).toEqual(["######", "####oo", "###o..", "oooo..", "......", "......"]);
  });

  it("repaints its box and leaves the rest alone", () => {
    const pixels = new Uint32Array(36).fill(9);
    const painter = new MaskPainter();
    const hole = ["......", ".####.", ".#..#.", ".####.", "......", "......"];
    painter.paint(planeOf(hole), axes, pixels, STYLE);
    expect(textOf(pixels, 6)).toEqual(["??????", "?oooo?", "?o..o?", "?oooo?", "??????", "??????"]);
    const empty = planeOf(rows.map(() => "......"));
    expect(painter.paint(empty, axes, pixels, STYLE)).toBeNull();
  });

  it("does what pixel-by-pixel painting does, at any zoom and rim", () => {
    const cells = 6;
    const logit = fc.double({ min: -1, max: 1, noNaN: true });
    const size = fc.integer({ min: 1, max: 40 });
    const painter = new MaskPainter(); // kept between runs, as on the page
    fc.assert(
      fc.property(
        fc.array(logit, { minLength: cells * cells, maxLength: cells * cells }),
        fc.tuple(size, size),
        fc.double({ min: 0.05, max: 2, noNaN: true }),
        fc.integer({ min: 1, max: 3 }),
        (logits, [height, width], step, rimWidth) => {
          const plane = { data: new Float32Array(logits), offset: 0 };
          const [down, across] = [
            makeAxis(1, step, height, 0.7, cells),
            makeAxis(0.3, step, width, 0.7, cells),
          ];
          const between = (near: number, far: number, weight: number) => near + (far - near) * weight;
          const inside = Array.from({ length: height }, (_, y) => {
            const [row, below] = [down.cell[y]!, Math.min(down.cell[y]! + 1, cells - 1)];
            const onLine = (column: number) =>
              between(
                plane.data[row * cells + column]!,
                plane.data[below * cells + column]!,
                down.weight[y]!,
              );
            return Array.from({ length: width }, (__, x) => {
              const [column, right] = [across.cell[x]!, Math.min(across.cell[x]! + 1, cells - 1)];
              return between(onLine(column), onLine(right), across.weight[x]!) > 0;
            });
          });
          /** Beyond the output, the mask is taken to go on. */
          const at = (x: number, y: number) => inside[y]?.[x] ?? true;
          const expected = inside.flatMap((row, y) =>
            row.map((value, x) => {
              if (!value) return 0;
              const reach = Array.from({ length: rimWidth }, (_, index) => index + 1);
              const beside = reach.every((d) => at(x - d, y) && at(x + d, y));
              return beside && at(x, y - rimWidth) && at(x, y + rimWidth) ? STYLE.fill : STYLE.rim;
            }),
          );
          const pixels = new Uint32Array(height * width);
          painter.paint(plane, { rows: down, columns: across }, pixels, { ...STYLE, rimWidth });
          expect([...pixels]).toEqual(expected);
        },
      ),
      { numRuns: 500 },
    );
  });
});

it("packs colours as ImageData lays them out", () => {
  const bytes = new Uint8ClampedArray(new Uint32Array([rgba("#0a7fff", 0.5)]).buffer);
  expect([...bytes]).toEqual([10, 127, 255, 128]);
});
