/**
 * The pixels of many masks, later ones over earlier ones. From one list of masks to the next only the rectangle is painted
 * in which they differ.
 */

import { ColumnMask } from "../core/column-mask.ts";
import { difference } from "../core/combine.ts";
import { rgba } from "../core/paint.ts";
import { around, encloses, intersection, type PixelBox, widened } from "../core/pixel-box.ts";
import { boundingBox, type Rle } from "../core/rle.ts";
import { blit, type Grid, makeStencil, onGrid, type Stencil } from "./stencil.ts";

const RIM_ALPHA = 0.95;
const MAX_KEPT = 16_000_000; // bytes of stencils: large objects have megabytes each, and can be made again

export interface ColouredMask {
  readonly segmentation: Rle;
  /** "#rrggbb" */
  readonly colour: string;
}

export class SheetPixels {
  /** (height, width) of the grid. */
  readonly pixels: Uint32Array<ArrayBuffer>;
  private readonly stencils = new Map<Rle, Stencil | null>();
  private readonly whole: PixelBox;
  private kept = 0; // bytes of stencils
  private painted: readonly ColouredMask[] = [];
  private fillAlpha = 0;

  constructor(
    readonly grid: Grid,
    private readonly boxes: BoxCache,
  ) {
    this.whole = { left: 0, top: 0, width: grid.width, height: grid.height };
    this.pixels = new Uint32Array(grid.width * grid.height);
  }

  /**
   * Show exactly these.
   * @param fillAlpha 0 (outlines only) to 1
   * @returns the rectangle that was painted, null when everything was as it is
   */
  show(masks: readonly ColouredMask[], fillAlpha: number): PixelBox | null {
    const dirty = fillAlpha === this.fillAlpha ? this.changed(masks) : this.whole;
    this.fillAlpha = fillAlpha;
    this.painted = masks;
    this.forgetUnused();
    if (dirty) this.repaint(dirty);
    return dirty;
  }

  private repaint(dirty: PixelBox): void {
    const { width } = this.grid;
    for (let y = dirty.top; y < dirty.top + dirty.height; y++)
      this.pixels.fill(0, y * width + dirty.left, y * width + dirty.left + dirty.width);
    for (const mask of this.painted) {
      const stencil = this.stencilFor(mask.segmentation, dirty);
      if (!stencil) continue;
      const [fill, rim] = [rgba(mask.colour, this.fillAlpha), rgba(mask.colour, RIM_ALPHA)];
      blit(stencil, dirty, fill, rim, this.pixels, width);
    }
  }

  /**
   * Right inside the window. One that shows the whole mask is kept where there is
   * room: opacity and colours change more often than masks.
   */
  private stencilFor(mask: Rle, window: PixelBox): Stencil | null {
    const known = this.stencils.get(mask);
    if (known !== undefined) return known;
    const box = this.boxes.of(mask);
    const shown = box.width > 0 ? intersection(onGrid(box, this.grid), this.whole) : null;
    if (shown && !intersection(shown, window)) return null;
    const seen = intersection(widened(window, 1), this.whole)!; // its border is no rim, and must not be in the window
    const stencil = shown && makeStencil(mask, box, this.grid, seen);
    const bytes = stencil?.levels.length ?? 0;
    if ((!shown || encloses(seen, shown)) && this.kept + bytes <= MAX_KEPT) {
      this.stencils.set(mask, stencil);
      this.kept += bytes;
    }
    return stencil;
  }

  /** Where these look different from what is painted. */
  private changed(masks: readonly ColouredMask[]): PixelBox | null {
    const { painted } = this;
    const shorter = Math.min(painted.length, masks.length);
    let start = 0;
    while (start < shorter && isSame(painted[start]!, masks[start]!)) start++;
    let end = 0;
    while (end < shorter - start && isSame(painted.at(-1 - end)!, masks.at(-1 - end)!)) end++;
    const before = painted.slice(start, painted.length - end);
    const after = masks.slice(start, masks.length - end);
    const boxes =
      before.length === after.length
        ? before.flatMap((mask, index) => this.differing(mask, after[index]!))
        : [...before, ...after].map(({ segmentation }) => this.boxes.of(segmentation));
    return boxes
      .filter(({ width }) => width > 0)
      .map((box) => intersection(onGrid(box, this.grid), this.whole))
      .reduce((sum, box) => (sum && box ? around(sum, box) : (sum ?? box)), null);
  }

  /** Boxes around the pixels in which one looks different from the other. */
  private differing(a: ColouredMask, b: ColouredMask): PixelBox[] {
    if (isSame(a, b)) return [];
    const edited = a.segmentation instanceof ColumnMask || b.segmentation instanceof ColumnMask;
    if (a.colour !== b.colour || !edited)
      return [this.boxes.of(a.segmentation), this.boxes.of(b.segmentation)];
    return [difference(ColumnMask.from(a.segmentation), ColumnMask.from(b.segmentation)).box];
  }

  private forgetUnused(): void {
    const used = new Set(this.painted.map(({ segmentation }) => segmentation));
    for (const [mask, stencil] of this.stencils) {
      if (used.has(mask)) continue;
      this.stencils.delete(mask);
      this.kept -= stencil?.levels.length ?? 0;
    }
  }
}

const isSame = (a: ColouredMask, b: ColouredMask) =>
  a.segmentation === b.segmentation && a.colour === b.colour;

/** Bounding boxes, computed once per mask. */
export class BoxCache {
  private readonly boxes = new WeakMap<Rle, PixelBox>();

  of(mask: Rle): PixelBox {
    let box = this.boxes.get(mask);
    if (!box) {
      box = boundingBox(mask);
      this.boxes.set(mask, box);
    }
    return box;
  }
}
