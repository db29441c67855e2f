/** The frame around the part of the image that is looked at closer: quiet, but seen on dark and on light. */

import { imagePoint } from "../core/geometry.ts";
import type { Region } from "../core/region.ts";
import type { StageSize } from "./view.ts";
import { toScreen, type View } from "./view.ts";

const SHADE = "rgb(0 0 0 / 0.28)"; // over what lies outside
const LINE = "rgb(255 255 255 / 0.75)";

/** In a context whose unit is the CSS pixel. */
export function paintRegionFrame(
  context: CanvasRenderingContext2D,
  { x, y, width, height }: Region,
  view: View,
  stage: StageSize,
): void {
  const [left, top] = toScreen(view, imagePoint(x, y));
  const [wide, high] = [width * view.scale, height * view.scale];
  context.fillStyle = SHADE;
  context.beginPath();
  context.rect(0, 0, stage.width, stage.height);
  context.rect(left, top, wide, high);
  context.fill("evenodd");
  context.lineWidth = 1;
  context.strokeStyle = LINE;
  context.strokeRect(left - 0.5, top - 0.5, wide + 1, high + 1);
}
