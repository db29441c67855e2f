/** Where a bar lies that belongs to an object: below it, else above it, else at the lower edge; always on the stage. */

import type { StageSize, View } from "../canvas/view.ts";
import type { PixelBox } from "../core/pixel-box.ts";

const GAP = 12; // CSS px between object and bar
const EDGE = 8; // CSS px that stay free at the stage's edges

/**
 * @param box of the object, in image pixels; null for the lower edge of the stage
 * @param bar its size in CSS pixels
 * @returns the bar's top-left corner on the stage, in CSS pixels
 */
export function barPlace(
  box: PixelBox | null,
  bar: StageSize,
  view: View,
  stage: StageSize,
): readonly [x: number, y: number] {
  const lowest = stage.height - EDGE - bar.height;
  const between = (value: number, least: number, most: number) => Math.max(least, Math.min(value, most));
  const beside = (middle: number) =>
    Math.round(between(middle - bar.width / 2, EDGE, stage.width - EDGE - bar.width));
  if (!box) return [beside(stage.width / 2), Math.round(Math.max(EDGE, lowest))];
  const [top, bottom] = [view.y + box.top * view.scale, view.y + (box.top + box.height) * view.scale];
  const middle = view.x + (box.left + box.width / 2) * view.scale;
  const [below, above] = [bottom + GAP, top - GAP - bar.height];
  const y = below <= lowest ? below : above >= EDGE ? above : lowest;
  return [beside(middle), Math.round(between(y, EDGE, lowest))];
}
