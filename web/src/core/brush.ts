/**
 * Brush strokes as pixels. A pixel is painted when its centre lies under the brush anywhere along the stroke.
 *
 * The shape that a brush sweeps along a straight line is convex, so it covers one stretch of rows per column.
 */

import { type ColumnMask, ColumnMaskBuilder } from "./column-mask.ts";
import { type ImagePoint, type ImageSize, imagePoint } from "./geometry.ts";

export type BrushShape = "round" | "square";

export const MIN_BRUSH = 1; // image px across
export const MAX_BRUSH = 500;

/** Where a brush of a size comes to lie: so that it covers the same number of pixels everywhere, exactly its size. */
export function snapped([x, y]: ImagePoint, size: number): ImagePoint {
  const shift = Math.round(size) % 2 === 1 ? 0.5 : 0;
  const snap = (value: number) => Math.round(value - shift) + shift;
  return imagePoint(snap(x), snap(y));
}

/** [top, bottom] of a shape in a column's middle, in image px; top > bottom where it is not. */
type Reach = (x: number) => readonly [top: number, bottom: number];

/**
 * The pixels under a brush that is drawn in a straight line; both places are snapped.
 * @param size across, in image px, rounded
 */
export function sweep(
  from: ImagePoint,
  to: ImagePoint,
  size: number,
  shape: BrushShape,
  image: ImageSize,
): ColumnMask {
  const pixels = Math.round(size);
  const [a, b] = [snapped(from, pixels), snapped(to, pixels)];
  const radius = pixels / 2;
  const reach = shape === "square" ? squareReach(a, b, radius) : roundReach(a, b, radius);
  const builder = new ColumnMaskBuilder(image);
  const first = Math.max(0, Math.ceil(Math.min(a[0], b[0]) - radius - 0.5));
  const last = Math.min(image.width - 1, Math.floor(Math.max(a[0], b[0]) + radius - 0.5));
  for (let column = first; column <= last; column++) {
    const [top, bottom] = reach(column + 0.5);
    const start = Math.max(0, Math.ceil(top - 0.5));
    const end = Math.min(image.height, Math.floor(bottom - 0.5) + 1);
    if (start < end) builder.add(column, start, end);
  }
  return builder.build();
}

/** Where the square's centre is within reach of the column it is on one stretch of the line. */
function squareReach([ax, ay]: ImagePoint, [bx, by]: ImagePoint, half: number): Reach {
  return (x) => {
    let [start, end] = [0, 1];
    if (ax === bx) {
      if (Math.abs(x - ax) > half) return [1, 0];
    } else {
      const [one, other] = [(x - half - ax) / (bx - ax), (x + half - ax) / (bx - ax)];
      start = Math.max(0, Math.min(one, other));
      end = Math.min(1, Math.max(one, other));
      if (start > end) return [1, 0];
    }
    const [y0, y1] = [ay + (by - ay) * start, ay + (by - ay) * end];
    return [Math.min(y0, y1) - half, Math.max(y0, y1) + half];
  };
}

/** Two discs and the band between them: the column's highest and lowest place is on one of their borders. */
function roundReach([ax, ay]: ImagePoint, [bx, by]: ImagePoint, radius: number): Reach {
  const length = Math.hypot(bx - ax, by - ay);
  const [nx, ny] = length > 0 ? [(-(by - ay) / length) * radius, ((bx - ax) / length) * radius] : [0, 0];
  return (x) => {
    let [top, bottom] = [Infinity, -Infinity];
    const include = (y: number) => {
      top = Math.min(top, y);
      bottom = Math.max(bottom, y);
    };
    for (const [cx, cy] of [
      [ax, ay],
      [bx, by],
    ] as const) {
      const rest = radius * radius - (x - cx) ** 2;
      if (rest < 0) continue;
      include(cy - Math.sqrt(rest));
      include(cy + Math.sqrt(rest));
    }
    for (const side of [-1, 1]) {
      const along = (x - ax - side * nx) / (bx - ax);
      if (along >= 0 && along <= 1) include(ay + side * ny + (by - ay) * along);
    }
    return [top, bottom];
  };
}
