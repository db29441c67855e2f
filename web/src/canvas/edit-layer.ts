/**
 * The mask that is changed by hand, at the resolution of the screen, with a border in two tones as all masks have: the rim
 * lies inside, a dark halo around it outside. From one frame to the next only the rectangle is painted
 * in which the masks differ; masks that share chunks tell that without a look at their pixels.
 */

import { CHUNK_COLUMNS, type ColumnMask } from "../core/column-mask.ts";
import { difference } from "../core/combine.ts";
import { intersect, type Rgba, rgba } from "../core/paint.ts";
import type { PixelBox } from "../core/pixel-box.ts";
import { clear } from "./clear.ts";
import type { EditScene, Place } from "./scene.ts";
import { type DeviceRect, visiblePart } from "./view.ts";

const RIM = 1.5; // CSS px
const HALO = 1; // CSS px; no more than the rim, which is what is painted anew around a change
const DARK = rgba("#000000", 0.7);

/** How device pixels of the visible part lie on the image. */
interface Projection {
  readonly part: DeviceRect;
  /** Image pixels per device pixel. */
  readonly step: number;
  /** Image coordinates of the part's top-left corner. */
  readonly left: number;
  readonly top: number;
}

export class EditLayer {
  private place: Place | null = null;
  private projection: Projection | null = null;
  private shown: EditScene | null = null;
  private buffer = new ArrayBuffer(0); // grows to the largest visible part and is used again
  private here = new Int32Array(64);
  private there = new Int32Array(64);
  private kept = new Int32Array(64);
  private gaps = new Int32Array(64);

  constructor(private readonly context: CanvasRenderingContext2D) {}

  paint(place: Place, scene: EditScene | null): void {
    const moved = place !== this.place;
    const { shown } = this;
    this.shown = scene;
    if (moved || !scene) {
      if (moved || shown) clear(this.context, place.stage, place.pixelRatio);
      this.place = place;
      this.projection = project(place);
    }
    if (!scene || !this.projection) return;
    const { width, height } = this.projection.part;
    const restyled =
      !shown ||
      shown.style.colour !== scene.style.colour ||
      shown.style.rim !== scene.style.rim ||
      shown.style.alpha !== scene.style.alpha;
    if (moved || restyled) this.repaint(scene, { left: 0, top: 0, width, height });
    else if (shown.mask !== scene.mask)
      this.repaint(scene, this.rectOf(difference(shown.mask, scene.mask).box));
  }

  /** In device pixels of the visible part, with the rim of what lies around; no larger than the part. */
  private rectOf(box: PixelBox): PixelBox | null {
    const { part, step, left, top } = this.projection!;
    const margin = this.rim + 1;
    const first = (place: number, origin: number) =>
      Math.max(0, Math.floor((place - origin) / step) - margin);
    const last = (place: number, origin: number, end: number) =>
      Math.min(end, Math.ceil((place - origin) / step) + margin);
    const [x0, y0] = [first(box.left, left), first(box.top, top)];
    const x1 = last(box.left + box.width, left, part.width);
    const y1 = last(box.top + box.height, top, part.height);
    return box.width > 0 && x0 < x1 && y0 < y1
      ? { left: x0, top: y0, width: x1 - x0, height: y1 - y0 }
      : null;
  }

  private get rim(): number {
    return Math.max(1, Math.round(RIM * this.place!.pixelRatio));
  }

  private get halo(): number {
    return Math.max(1, Math.round(HALO * this.place!.pixelRatio));
  }

  private repaint({ mask, style }: EditScene, dirty: PixelBox | null): void {
    if (!dirty) return;
    const { part } = this.projection!;
    const bytes = part.width * part.height * 4;
    if (this.buffer.byteLength < bytes) this.buffer = new ArrayBuffer(bytes);
    const pixels = new Uint32Array(this.buffer, 0, part.width * part.height);
    const [fill, rim] = [rgba(style.colour, style.alpha), rgba(style.rim, 1)];
    for (let y = dirty.top; y < dirty.top + dirty.height; y++) {
      pixels.fill(0, y * part.width + dirty.left, y * part.width + dirty.left + dirty.width);
    }
    for (let x = dirty.left; x < dirty.left + dirty.width; x++) {
      this.paintColumn(mask, x, dirty, pixels, fill, rim);
    }
    const image = new ImageData(new Uint8ClampedArray(this.buffer, 0, bytes), part.width, part.height);
    const { left, top, width, height } = dirty;
    this.context.putImageData(image, part.left, part.top, left, top, width, height);
  }

  /** The rim is where the mask ends within its width, above, below or at either side; not at the border of the stage. */
  private paintColumn(
    mask: ColumnMask,
    x: number,
    dirty: PixelBox,
    pixels: Uint32Array,
    fill: Rgba,
    rim: Rgba,
  ): void {
    const { part } = this.projection!;
    const count = this.stretches(mask, x, "here");
    this.paintHalo(mask, x, count, dirty, pixels);
    if (count === 0) return;
    this.fillColumn(this.here, count, x, dirty, pixels, rim);
    let inner = 0;
    if (this.kept.length < count) this.kept = new Int32Array(2 * count);
    for (let at = 0; at < count; at += 2) {
      const top = this.here[at]! > 0 ? this.here[at]! + this.rim : 0;
      const bottom = this.here[at + 1]! < part.height ? this.here[at + 1]! - this.rim : part.height;
      if (top >= bottom) continue;
      this.kept[inner++] = top;
      this.kept[inner++] = bottom;
    }
    // Each column within the rim's width: a gap may be narrower than that.
    for (let distance = 1; distance <= this.rim && inner > 0; distance++) {
      for (const side of [x - distance, x + distance]) {
        if (side < 0 || side >= part.width) continue;
        const beside = this.stretches(mask, side, "there");
        if (this.here.length < inner + beside) this.here = new Int32Array(2 * (inner + beside));
        inner = intersect(this.kept, inner, this.there, 0, beside, this.here);
        [this.kept, this.here] = [this.here, this.kept];
      }
    }
    this.fillColumn(this.kept, inner, x, dirty, pixels, fill);
  }

  /** What lies beside the mask, above it or below it. @param count of the numbers in `here`, the mask's ends in this column */
  private paintHalo(mask: ColumnMask, x: number, count: number, dirty: PixelBox, pixels: Uint32Array): void {
    const { part } = this.projection!;
    const { halo, here } = this;
    if (this.gaps.length < count + 2) this.gaps = new Int32Array(2 * (count + 2));
    const { gaps } = this;
    gaps[0] = 0;
    for (let at = 0; at < count; at++) gaps[at + 1] = here[at]!;
    gaps[count + 1] = part.height;
    if (this.kept.length < 2 * count) this.kept = new Int32Array(4 * count);
    let edges = 0;
    for (let at = 0; at < count + 2; at += 2) {
      const [top, bottom] = [gaps[at]!, gaps[at + 1]!];
      if (at > 0) edges = this.keep(edges, top, Math.min(top + halo, bottom));
      if (at < count) edges = this.keep(edges, Math.max(bottom - halo, top), bottom);
    }
    this.fillColumn(this.kept, edges, x, dirty, pixels, DARK);
    for (let distance = 1; distance <= halo; distance++) {
      for (const side of [x - distance, x + distance]) {
        if (side < 0 || side >= part.width) continue;
        const beside = this.stretches(mask, side, "there");
        if (beside === 0) continue;
        if (this.kept.length < count + 2 + beside) this.kept = new Int32Array(2 * (count + 2 + beside));
        const outside = intersect(gaps, count + 2, this.there, 0, beside, this.kept);
        this.fillColumn(this.kept, outside, x, dirty, pixels, DARK);
      }
    }
  }

  /** @returns how many numbers are kept then */
  private keep(count: number, top: number, bottom: number): number {
    if (top >= bottom) return count;
    this.kept[count] = top;
    this.kept[count + 1] = bottom;
    return count + 2;
  }

  private fillColumn(
    ends: Int32Array,
    count: number,
    x: number,
    dirty: PixelBox,
    pixels: Uint32Array,
    colour: Rgba,
  ): void {
    const { width } = this.projection!.part;
    for (let at = 0; at < count; at += 2) {
      const top = Math.max(ends[at]!, dirty.top);
      const bottom = Math.min(ends[at + 1]!, dirty.top + dirty.height) * width;
      for (let index = top * width + x; index < bottom; index += width) pixels[index] = colour;
    }
  }

  /**
   * Device rows [top, bottom) that show mask in a device column, each pixel showing what is under its middle.
   * @returns how many numbers were written
   */
  private stretches(mask: ColumnMask, x: number, into: "here" | "there"): number {
    const { part, step, left, top } = this.projection!;
    const column = Math.min(Math.max(Math.floor(left + (x + 0.5) * step), 0), mask.size[1] - 1);
    const chunk = mask.chunks[Math.floor(column / CHUNK_COLUMNS)];
    if (!chunk) return 0;
    const [from, to] = [chunk.starts[column % CHUNK_COLUMNS]!, chunk.starts[(column % CHUNK_COLUMNS) + 1]!];
    if (this[into].length < to - from) this[into] = new Int32Array(2 * (to - from));
    const out = this[into];
    let count = 0;
    for (let at = from; at < to; at += 2) {
      const first = Math.max(0, Math.ceil((chunk.ends[at]! - top) / step - 0.5));
      const end = Math.min(part.height, Math.ceil((chunk.ends[at + 1]! - top) / step - 0.5));
      if (first >= end) continue;
      if (count > 0 && out[count - 1] === first) out[count - 1] = end;
      else {
        out[count++] = first;
        out[count++] = end;
      }
    }
    return count;
  }
}

function project({ image, view, stage, pixelRatio }: Place): Projection | null {
  const part = visiblePart(view, image, stage, pixelRatio);
  if (!part) return null;
  return {
    part,
    step: 1 / (view.scale * pixelRatio),
    left: (part.left / pixelRatio - view.x) / view.scale,
    top: (part.top / pixelRatio - view.y) / view.scale,
  };
}
