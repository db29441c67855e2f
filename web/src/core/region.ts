/** Parts of a large image that are encoded on their own, so that small objects get the encoder's full resolution. */

import type { ImageBox, ImageSize } from "./geometry.ts";
import type { Prompts } from "./prompts.ts";
import { boundingBox } from "./rle.ts";

/** In whole image pixels. `Region` in `server/limner/geometry.py` says which ones the server takes. */
export interface Region extends ImageSize {
  readonly x: number;
  readonly y: number;
}

export const REGION_GRID = 32; // px; edges lie on it or on the image's edge
export const MIN_REGION_SIDE = 128; // px
const STEPS_PER_SIDE = 8; // at least, of the grid that a region snaps to: moving the view a little asks for the same region
const MOST_ENLARGED = 4; // model pixels per image pixel; more would show the encoder nothing but blur
const WORTHWHILE = 0.7; // of the image's longest side: a larger region shows little more than the whole image does

/** As the address of an embedding says it. */
export const regionText = ({ x, y, width, height }: Region): string => [x, y, width, height].join();

/** As the provenance of a mask says it. */
export const regionNumbers = ({ x, y, width, height }: Region): [number, number, number, number] => [
  x,
  y,
  width,
  height,
];

/**
 * The region that shows `seen`, snapped to a grid. Null where it would show hardly more than the whole image does.
 * @param inputSize side of the model's input, in model pixels
 */
export function regionFor([x0, y0, x1, y1]: ImageBox, image: ImageSize, inputSize: number): Region | null {
  const longest = Math.max(image.width, image.height);
  const smallest = Math.max(MIN_REGION_SIDE, inputSize / MOST_ENLARGED);
  const finest = Math.max(x1 - x0, y1 - y0, smallest) / STEPS_PER_SIDE;
  const step = REGION_GRID * 2 ** Math.max(0, Math.floor(Math.log2(finest / REGION_GRID)));
  const [left, right] = snapped(x0, x1, smallest, image.width, step);
  const [top, bottom] = snapped(y0, y1, smallest, image.height, step);
  const region = { x: left, y: top, width: right - left, height: bottom - top };
  const worthwhile = longest > inputSize && Math.max(region.width, region.height) <= WORTHWHILE * longest;
  return worthwhile ? region : null;
}

/** Outwards to the grid or the image's edge, at least `smallest` long where the image is. */
function snapped(from: number, to: number, smallest: number, length: number, step: number): [number, number] {
  const missing = Math.max(0, smallest - (to - from));
  const start = Math.min(Math.max(from - missing / 2, 0), Math.max(0, length - smallest));
  const end = Math.max(Math.min(to + missing / 2, length), Math.min(start + smallest, length));
  return [Math.floor(start / step) * step, Math.min(Math.ceil(end / step) * step, length)];
}

/** Everything that prompts say of an image, null when they say nothing. */
export function extentOf({ points, box, mask }: Prompts): ImageBox | null {
  const boxes: ImageBox[] = points.map(({ at: [x, y] }) => [x, y, x, y]);
  if (box) boxes.push(box);
  if (mask) {
    const { left, top, width, height } = boundingBox(mask);
    if (width > 0) boxes.push([left, top, left + width, top + height]);
  }
  return boxes.length > 0 ? boxes.reduce(around) : null;
}

/** The smallest box around two. */
export function around(a: ImageBox, b: ImageBox): ImageBox {
  return [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[2], b[2]), Math.max(a[3], b[3])];
}

/** Whether all that prompts say lies in the region: what lies outside, a decoder that sees the region cannot answer. */
export function holds({ x, y, width, height }: Region, prompts: Prompts): boolean {
  const extent = extentOf(prompts);
  if (!extent) return true;
  const [x0, y0, x1, y1] = extent;
  return x0 >= x && y0 >= y && x1 <= x + width && y1 <= y + height;
}
