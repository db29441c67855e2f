/** How the image lies on the stage: a scale and an offset, as an immutable value. */

import {
  clampToImage,
  type ImageBox,
  type ImagePoint,
  type ImageSize,
  imagePoint,
  type ScreenPoint,
  screenPoint,
} from "../core/geometry.ts";
import type { Region } from "../core/region.ts";

/** In CSS pixels. */
export interface StageSize {
  readonly width: number;
  readonly height: number;
}

export interface View {
  /** CSS pixels per image pixel. */
  readonly scale: number;
  /** Where the image's top-left corner lies on the stage, in CSS pixels. */
  readonly x: number;
  readonly y: number;
}

export const MAX_SCALE = 64;
const FIT_MARGIN = 16; // CSS px around a fitted image
const MIN_SHARE_OF_FIT = 0.25; // zoomed out, the image is at least this large compared to fitted
const KEEP_VISIBLE = 48; // CSS px of the image that stay on the stage
const CRISP_SCALE = 4; // above 400 %, pixels are shown as squares

/** The whole image, centred, as large as the stage allows; a tiny one as large as it can be zoomed. */
export function fitted(image: ImageSize, stage: StageSize): View {
  const scale = Math.min(fitScale(image, stage), MAX_SCALE);
  return {
    scale,
    x: (stage.width - image.width * scale) / 2,
    y: (stage.height - image.height * scale) / 2,
  };
}

/** Zoom by a factor; the image point under `at` stays there as long as the limits allow. */
export function zoomAt(
  view: View,
  at: ScreenPoint,
  factor: number,
  image: ImageSize,
  stage: StageSize,
): View {
  const smallest = Math.min(fitScale(image, stage) * MIN_SHARE_OF_FIT, 1);
  const scale = Math.min(Math.max(view.scale * factor, smallest), MAX_SCALE);
  const [x, y] = toImage(view, at);
  return clamp({ scale, x: at[0] - x * scale, y: at[1] - y * scale }, image, stage);
}

export function pan(view: View, dx: number, dy: number, image: ImageSize, stage: StageSize): View {
  return clamp({ ...view, x: view.x + dx, y: view.y + dy }, image, stage);
}

/** The stage changed its size: what was in its middle stays there. */
export function resize(view: View, from: StageSize, to: StageSize, image: ImageSize): View {
  return pan(view, (to.width - from.width) / 2, (to.height - from.height) / 2, image, to);
}

export function toImage(view: View, [x, y]: ScreenPoint): ImagePoint {
  return imagePoint((x - view.x) / view.scale, (y - view.y) / view.scale);
}

export function toScreen(view: View, [x, y]: ImagePoint): ScreenPoint {
  return screenPoint(view.x + x * view.scale, view.y + y * view.scale);
}

/** Where a region lies, as if it were an image of its own. */
export function pictureIn(view: View, { x, y }: Region): View {
  const [left, top] = toScreen(view, imagePoint(x, y));
  return { scale: view.scale, x: left, y: top };
}

/** The part of the image that is on the stage; null when there is none. */
export function seenPart(view: View, image: ImageSize, stage: StageSize): ImageBox | null {
  const [x0, y0] = clampToImage(toImage(view, screenPoint(0, 0)), image);
  const [x1, y1] = clampToImage(toImage(view, screenPoint(stage.width, stage.height)), image);
  return x0 < x1 && y0 < y1 ? [x0, y0, x1, y1] : null;
}

export function isCrisp(view: View): boolean {
  return view.scale > CRISP_SCALE;
}

/** A rectangle of whole device pixels. */
export interface DeviceRect {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** The part of the stage that shows image, in device pixels; null when there is none. */
export function visiblePart(
  view: View,
  image: ImageSize,
  stage: StageSize,
  pixelRatio: number,
): DeviceRect | null {
  const left = Math.max(0, Math.round(view.x * pixelRatio));
  const top = Math.max(0, Math.round(view.y * pixelRatio));
  const right = Math.min(stage.width, view.x + image.width * view.scale) * pixelRatio;
  const bottom = Math.min(stage.height, view.y + image.height * view.scale) * pixelRatio;
  const [width, height] = [Math.round(right) - left, Math.round(bottom) - top];
  return width > 0 && height > 0 ? { left, top, width, height } : null;
}

function fitScale(image: ImageSize, stage: StageSize): number {
  const room = (length: number) => Math.max(length - 2 * FIT_MARGIN, 1);
  return Math.min(room(stage.width) / image.width, room(stage.height) / image.height);
}

function clamp(view: View, image: ImageSize, stage: StageSize): View {
  return {
    scale: view.scale,
    x: clampOffset(view.x, image.width * view.scale, stage.width),
    y: clampOffset(view.y, image.height * view.scale, stage.height),
  };
}

function clampOffset(offset: number, length: number, room: number): number {
  const keep = Math.min(KEEP_VISIBLE, length, room);
  return Math.min(Math.max(offset, keep - length), room - keep);
}
