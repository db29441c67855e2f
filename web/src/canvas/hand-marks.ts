/** What the hand tools show over the image, in a context whose unit is the CSS pixel. */

import type { BrushShape } from "../core/brush.ts";
import type { ImagePoint } from "../core/geometry.ts";
import type { Ring } from "../core/polygon.ts";
import { type StageSize, toScreen, type View } from "./view.ts";

const HALO = "rgb(0 0 0 / 0.6)";
const LINE = "#ffffff";
const ERASING = "#ffb59e"; // with dashes, not by colour alone
const HANDLE = 3.5; // CSS px, half a side
const MAX_HANDLES = 4000; // more are no handles any more, only a thick line

/** A brush as its outline. */
export interface BrushCursor {
  readonly at: ImagePoint;
  /** Across, in image pixels. */
  readonly size: number;
  readonly shape: BrushShape;
  readonly erases: boolean;
}

/** The brush's outline; a small cross where that is too small to be seen. */
export function paintBrush(context: CanvasRenderingContext2D, brush: BrushCursor, view: View): void {
  const [x, y] = toScreen(view, brush.at);
  const radius = (Math.max(1, brush.size) * view.scale) / 2;
  context.beginPath();
  if (brush.shape === "square") context.rect(x - radius, y - radius, 2 * radius, 2 * radius);
  else context.arc(x, y, radius, 0, 2 * Math.PI);
  const arm = radius < 4 ? 7 : 2;
  const gap = radius < 4 ? radius + 1 : 0;
  for (const [dx, dy] of [
    [1, 0],
    [-1, 0],
    [0, 1],
    [0, -1],
  ] as const) {
    context.moveTo(x + dx * gap, y + dy * gap);
    context.lineTo(x + dx * (gap + arm), y + dy * (gap + arm));
  }
  strokeTwice(context, brush.erases ? ERASING : LINE, brush.erases ? [5, 3] : []);
}

/** Corners set so far, the first one to be clicked again. */
export function paintPath(context: CanvasRenderingContext2D, path: readonly ImagePoint[], view: View): void {
  const places = path.map((corner) => toScreen(view, corner));
  context.beginPath();
  places.forEach(([x, y], index) => {
    if (index === 0) context.moveTo(x, y);
    else context.lineTo(x, y);
  });
  strokeTwice(context, LINE, []);
  paintHandles(context, places);
}

/** A closed polygon with handles at its corners. */
export function paintRings(
  context: CanvasRenderingContext2D,
  rings: readonly Ring[],
  view: View,
  stage: StageSize,
): void {
  const places = rings.map((ring) => ring.map((corner) => toScreen(view, corner)));
  context.beginPath();
  for (const ring of places) {
    ring.forEach(([x, y], index) => {
      if (index === 0) context.moveTo(x, y);
      else context.lineTo(x, y);
    });
    context.closePath();
  }
  strokeTwice(context, LINE, []);
  const visible = places
    .flat()
    .filter(([x, y]) => x > -HANDLE && y > -HANDLE && x < stage.width + HANDLE && y < stage.height + HANDLE);
  if (visible.length <= MAX_HANDLES) paintHandles(context, visible);
}

function paintHandles(
  context: CanvasRenderingContext2D,
  places: readonly (readonly [x: number, y: number])[],
): void {
  context.beginPath();
  for (const [x, y] of places) context.rect(x - HANDLE, y - HANDLE, 2 * HANDLE, 2 * HANDLE);
  context.fillStyle = "#0072b2";
  context.fill();
  context.lineWidth = 1;
  context.strokeStyle = LINE;
  context.stroke();
}

function strokeTwice(context: CanvasRenderingContext2D, colour: string, dash: number[]): void {
  context.setLineDash([]);
  context.lineWidth = 3;
  context.strokeStyle = HALO;
  context.stroke();
  context.setLineDash(dash);
  context.lineWidth = 1.25;
  context.strokeStyle = colour;
  context.stroke();
  context.setLineDash([]);
}
