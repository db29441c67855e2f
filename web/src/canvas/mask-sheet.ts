/** Many saved masks painted into one sheet of pixels, so that a frame costs one image however many there are. */

import type { PixelBox } from "../core/pixel-box.ts";
import { type BoxCache, type ColouredMask, SheetPixels } from "./sheet-pixels.ts";
import type { Grid } from "./stencil.ts";

export class MaskSheet {
  readonly canvas: OffscreenCanvas;
  private readonly sheet: SheetPixels;

  constructor(
    readonly grid: Grid,
    boxes: BoxCache,
  ) {
    this.canvas = new OffscreenCanvas(grid.width, grid.height);
    this.sheet = new SheetPixels(grid, boxes);
  }

  /**
   * Show exactly these, later ones over earlier ones.
   * @param fillAlpha 0 (outlines only) to 1
   * @returns the rectangle that changed, null when nothing did
   */
  show(masks: readonly ColouredMask[], fillAlpha: number): PixelBox | null {
    const dirty = this.sheet.show(masks, fillAlpha);
    if (!dirty) return null;
    const { width, height } = this.grid;
    const image = new ImageData(new Uint8ClampedArray(this.sheet.pixels.buffer), width, height);
    const { left, top } = dirty;
    this.canvas.getContext("2d")!.putImageData(image, 0, 0, left, top, dirty.width, dirty.height);
    return dirty;
  }
}
