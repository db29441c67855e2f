/**
 * The border of a mask as smooth lines: marching squares on its pixels (Lorensen and Cline 1987, in two dimensions), which
 * goes through the middles of pixel edges instead of along them, and then fewer corners.
 */

import type { ColumnMask } from "./column-mask.ts";
import { type ImagePoint, imagePoint } from "./geometry.ts";
import { type Ring, ringsFromMask } from "./polygon.ts";
import { simplify } from "./simplify.ts";

const TOLERANCE = 0.5; // pixels of the mask: with the half pixel of marching squares, nothing is off by more than one

/** Closed rings by the even-odd rule, in pixels of the mask. A mask that is not empty has one at least. */
export function smoothOutline(mask: ColumnMask): Ring[] {
  return simplify(ringsFromMask(mask).map(throughMiddles), TOLERANCE);
}

/** Of every straight edge, from the middle of its first pixel to the middle of its last one. */
function throughMiddles(ring: Ring): Ring {
  return ring.flatMap(([x0, y0], index): ImagePoint[] => {
    const [x1, y1] = ring[(index + 1) % ring.length]!;
    const [dx, dy] = [Math.sign(x1 - x0) / 2, Math.sign(y1 - y0) / 2];
    const first = imagePoint(x0 + dx, y0 + dy);
    const isOne = Math.abs(x1 - x0) + Math.abs(y1 - y0) === 1;
    return isOne ? [first] : [first, imagePoint(x1 - dx, y1 - dy)];
  });
}

/** What a Path2D offers. */
export interface Pen {
  moveTo(x: number, y: number): void;
  lineTo(x: number, y: number): void;
  quadraticCurveTo(controlX: number, controlY: number, x: number, y: number): void;
  closePath(): void;
}

const ROUNDING = 1.5; // pixels of the mask that a corner is cut by at most, so that right angles stay

/** @param step by which coordinates are multiplied, before (left, top) is added */
export function drawRings(rings: readonly Ring[], pen: Pen, step = 1, left = 0, top = 0): void {
  for (const ring of rings) {
    ring.forEach((corner, index) => {
      const before = ring.at(index - 1)!;
      const after = ring[(index + 1) % ring.length]!;
      const [inX, inY] = towards(corner, before);
      const [outX, outY] = towards(corner, after);
      const at = (x: number, y: number) => [left + x * step, top + y * step] as const;
      if (index === 0) pen.moveTo(...at(inX, inY));
      else pen.lineTo(...at(inX, inY));
      pen.quadraticCurveTo(...at(corner[0], corner[1]), ...at(outX, outY));
    });
    pen.closePath();
  }
}

/** A little way from one corner to the next, at most half of it. */
function towards([x, y]: ImagePoint, [toX, toY]: ImagePoint): readonly [x: number, y: number] {
  const length = Math.hypot(toX - x, toY - y);
  const share = length === 0 ? 0 : Math.min(ROUNDING / length, 0.5);
  return [x + (toX - x) * share, y + (toY - y) * share];
}
