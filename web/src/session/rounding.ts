/** Prompt coordinates in hundredths of a pixel: finer than any hand, short to read and to type. */

import { type ImageBox, type ImagePoint, imagePoint } from "../core/geometry.ts";

const STEPS_PER_PIXEL = 100;

export function rounded([x, y]: ImagePoint): ImagePoint {
  return imagePoint(round(x), round(y));
}

/** The box that two opposite corners span, null when it has no area. */
export function boxBetween(a: ImagePoint, b: ImagePoint): ImageBox | null {
  const [[ax, ay], [bx, by]] = [rounded(a), rounded(b)];
  const box: ImageBox = [Math.min(ax, bx), Math.min(ay, by), Math.max(ax, bx), Math.max(ay, by)];
  return box[0] < box[2] && box[1] < box[3] ? box : null;
}

function round(value: number): number {
  return Math.round(value * STEPS_PER_PIXEL) / STEPS_PER_PIXEL;
}
