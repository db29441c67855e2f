/** Many saved masks painted into one sheet of pixels, so that a frame costs one image however many there are. */

import { rgba } from "../core/paint.ts";
import { boundingBox, type PixelBox, type Rle } from "../core/rle.ts";
import { blit, type Grid, makeStencil, type Stencil } from "./stencil.ts";

const RIM_ALPHA = 0.95;

/** What is painted, later ones over earlier ones. */
export interface ColouredMask {
  readonly segmentation: Rle;
  /** "#rrggbb" */
  readonly colour: string;
}

export class MaskSheet {
  readonly canvas: OffscreenCanvas;
  private readonly pixels: Uint32Array<ArrayBuffer>;
  private readonly stencils = new Map<Rle, Stencil | null>();
  private painted: readonly ColouredMask[] = [];
  private fillAlpha = 0;

  constructor(
    readonly grid: Grid,
    private readonly boxes: BoxCache,
  ) {
    this.canvas = new OffscreenCanvas(grid.width, grid.height);
    this.pixels = new Uint32Array(grid.width * grid.height);
  }

  /**
   * Show exactly these. One more on top, as after accepting a mask, costs only itself.
   * @param fillAlpha 0 (outlines only) to 1
   */
  show(masks: readonly ColouredMask[], fillAlpha: number): void {
    const kept =
      fillAlpha === this.fillAlpha &&
      this.painted.every(
        ({ segmentation, colour }, index) =>
          masks[index]?.segmentation === segmentation && masks[index].colour === colour,
      );
    this.fillAlpha = fillAlpha;
    if (kept && masks.length === this.painted.length) return;
    const { width, height } = this.grid;
    if (!kept) this.pixels.fill(0);
    const stencils = masks.slice(kept ? this.painted.length : 0).map((mask) => this.add(mask));
    const image = new ImageData(new Uint8ClampedArray(this.pixels.buffer), width, height);
    const context = this.canvas.getContext("2d")!;
    const whole = { left: 0, top: 0, width, height };
    for (const dirty of kept ? stencils : [whole]) {
      if (dirty) context.putImageData(image, 0, 0, dirty.left, dirty.top, dirty.width, dirty.height);
    }
    this.painted = masks;
    this.forgetUnused();
  }

  /** @returns what was painted, null when the sheet shows nothing of the mask */
  private add({ segmentation, colour }: ColouredMask): Stencil | null {
    let stencil = this.stencils.get(segmentation);
    if (stencil === undefined) {
      stencil = makeStencil(segmentation, this.boxes.of(segmentation), this.grid);
      this.stencils.set(segmentation, stencil);
    }
    if (stencil) {
      blit(stencil, rgba(colour, this.fillAlpha), rgba(colour, RIM_ALPHA), this.pixels, this.grid.width);
    }
    return stencil;
  }

  private forgetUnused(): void {
    const used = new Set(this.painted.map(({ segmentation }) => segmentation));
    for (const mask of this.stencils.keys()) {
      if (!used.has(mask)) this.stencils.delete(mask);
    }
  }
}

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
