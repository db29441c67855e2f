/** Prompts as drawn over the image: shapes tell foreground from background, not only colours. */

import type { ImageBox, ImagePoint } from "../core/geometry.ts";
import { imagePoint, type ScreenPoint } from "../core/geometry.ts";
import { FOREGROUND, type PointLabel, type Prompts } from "../core/prompts.ts";
import { toScreen, type View } from "./view.ts";

const MARKER_RADIUS = 7; // CSS px
const FOREGROUND_COLOUR = "#0072b2"; // Okabe and Ito's blue and vermilion
const BACKGROUND_COLOUR = "#d55e00";
const HALO = "rgb(0 0 0 / 0.6)";
const DASH = [6, 4];

/** In a context whose unit is the CSS pixel. */
export function paintPrompts(context: CanvasRenderingContext2D, prompts: Prompts, view: View): void {
  if (prompts.box) paintBox(context, prompts.box, view);
  for (const { at, label } of prompts.points) paintMarker(context, toScreen(view, at), label);
}

export function paintBox(context: CanvasRenderingContext2D, [x0, y0, x1, y1]: ImageBox, view: View): void {
  const [left, top] = toScreen(view, imagePoint(x0, y0));
  const [right, bottom] = toScreen(view, imagePoint(x1, y1));
  context.lineWidth = 3;
  context.strokeStyle = HALO;
  context.setLineDash([]);
  context.strokeRect(left, top, right - left, bottom - top);
  context.lineWidth = 1.5;
  context.strokeStyle = "#ffffff";
  context.setLineDash(DASH);
  context.strokeRect(left, top, right - left, bottom - top);
  context.setLineDash([]);
}

/** Lines through the pointer, to aim the corner of a box. */
export function paintCrosshair(
  context: CanvasRenderingContext2D,
  at: ImagePoint,
  view: View,
  stage: { width: number; height: number },
): void {
  const [x, y] = toScreen(view, at);
  context.lineWidth = 1;
  for (const [style, shift] of [
    [HALO, 1],
    ["#ffffff", 0],
  ] as const) {
    context.strokeStyle = style;
    context.beginPath();
    context.moveTo(Math.round(x) + 0.5 + shift, 0);
    context.lineTo(Math.round(x) + 0.5 + shift, stage.height);
    context.moveTo(0, Math.round(y) + 0.5 + shift);
    context.lineTo(stage.width, Math.round(y) + 0.5 + shift);
    context.stroke();
  }
}

/** Index of the marker at a place on the stage, the last one painted first; null when there is none. */
export function markerAt(prompts: Prompts, at: ScreenPoint, view: View): number | null {
  const index = prompts.points.findLastIndex((point) => {
    const [x, y] = toScreen(view, point.at);
    return Math.hypot(x - at[0], y - at[1]) <= MARKER_RADIUS + 1;
  });
  return index < 0 ? null : index;
}

function paintMarker(context: CanvasRenderingContext2D, [x, y]: ScreenPoint, label: PointLabel): void {
  context.beginPath();
  context.arc(x, y, MARKER_RADIUS, 0, 2 * Math.PI);
  context.fillStyle = label === FOREGROUND ? FOREGROUND_COLOUR : BACKGROUND_COLOUR;
  context.fill();
  context.lineWidth = 3;
  context.strokeStyle = HALO;
  context.stroke();
  context.lineWidth = 1.75;
  context.strokeStyle = "#ffffff";
  context.stroke();
  const arm = MARKER_RADIUS - 3;
  context.beginPath();
  context.moveTo(x - arm, y);
  context.lineTo(x + arm, y);
  if (label === FOREGROUND) {
    context.moveTo(x, y - arm);
    context.lineTo(x, y + arm);
  }
  context.stroke();
}
