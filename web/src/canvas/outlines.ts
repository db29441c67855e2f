/** The paths of saved masks, traced once for each power of two of the zoom, and where their names stand. */

import { ColumnMask, ColumnMaskBuilder } from "../core/column-mask.ts";
import type { ImagePoint } from "../core/geometry.ts";
import { labelPlace } from "../core/label-place.ts";
import type { PixelBox } from "../core/pixel-box.ts";
import { boundingBox, forEachStretch, type Rle } from "../core/rle.ts";
import { drawRings, smoothOutline } from "../core/smooth-outline.ts";

/** In image pixels. */
export interface Outline {
  readonly path: Path2D;
  /** How many corners it has. */
  readonly corners: number;
}

export class Outlines {
  private readonly boxes = new WeakMap<Rle, PixelBox>();
  private readonly places = new WeakMap<Rle, ImagePoint>();
  /** By step. */
  private readonly known = new WeakMap<Rle, Map<number, Outline>>();

  boxOf(mask: Rle): PixelBox {
    let box = this.boxes.get(mask);
    if (!box) {
      box = boundingBox(mask);
      this.boxes.set(mask, box);
    }
    return box;
  }

  /** Where the object's name stands. */
  labelPlaceOf(mask: Rle): ImagePoint {
    let place = this.places.get(mask);
    if (!place) {
      place = labelPlace(mask, this.boxOf(mask));
      this.places.set(mask, place);
    }
    return place;
  }

  /** Traced before, if it was. */
  find(mask: Rle, step: number): Outline | null {
    return this.known.get(mask)?.get(step) ?? null;
  }

  /** @param step image pixels to a side of what is traced, a whole number */
  trace(mask: Rle, step: number): Outline {
    const found = this.find(mask, step);
    if (found) return found;
    const rings = smoothOutline(step === 1 ? ColumnMask.from(mask) : coarse(mask, step));
    const path = new Path2D();
    drawRings(rings, path, step);
    const outline = { path, corners: rings.reduce((sum, ring) => sum + ring.length, 0) };
    const bySteps = this.known.get(mask) ?? new Map<number, Outline>();
    this.known.set(mask, bySteps.set(step, outline));
    return outline;
  }
}

/** As few as a device pixel still tells apart. @param scale device pixels per image pixel */
export function stepFor(scale: number): number {
  return Math.max(1, 2 ** Math.floor(Math.log2(1 / scale)));
}

/** Every cell of step × step pixels is what the pixel at its middle is. */
export function coarse(mask: Rle, step: number): ColumnMask {
  const [height, width] = mask.size;
  const size = { height: Math.ceil(height / step), width: Math.ceil(width / step) };
  const middle = Math.floor(step / 2);
  const builder = new ColumnMaskBuilder(size);
  // Two stretches with a gap of less than a cell between them are one here.
  let [column, start, end] = [-1, 0, 0];
  const add = () => {
    if (start < end) builder.add(column, start, end);
  };
  forEachStretch(mask, (x, top, bottom) => {
    if (x % step !== middle) return;
    const from = Math.max(Math.ceil((top - middle) / step), 0);
    const to = Math.min(Math.ceil((bottom - middle) / step), size.height);
    const here = (x - middle) / step;
    if (here === column && from === end) end = to;
    else {
      add();
      [column, start, end] = [here, from, to];
    }
  });
  add();
  return builder.build();
}
