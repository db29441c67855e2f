/**
 * Saved annotations over the image. A sheet over the whole image, of limited resolution, is always there; where a large
 * image is seen closer than that, a second sheet shows what is visible pixel by pixel, once the view rests.
 */

import type { ImageSize } from "../core/geometry.ts";
import type { Rle } from "../core/rle.ts";
import { drawContour } from "./contour.ts";
import { BoxCache, type ColouredMask, MaskSheet } from "./mask-sheet.ts";
import type { BaseScene, Place } from "./painter.ts";
import type { Grid } from "./stencil.ts";
import { isCrisp } from "./view.ts";

const MAX_PIXELS = 4_000_000; // of the sheet over the whole image: 16 MB
const REST_MILLISECONDS = 120; // without a change of view, until the detail is painted
const PRIMARY_LINE = 2.25; // CSS px, around the one that keys mean
const SELECTED_LINE = 1.25; // CSS px, around the others that are selected

export class AnnotationLayer {
  private readonly boxes = new BoxCache();
  private overview: { image: ImageSize; sheet: MaskSheet } | null = null;
  private detail: { place: Place; sheet: MaskSheet } | null = null;
  private readonly contours = new WeakMap<Rle, Path2D>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** @param repaint called when the detail for a view is ready */
  constructor(private readonly repaint: () => void) {}

  /** In a context whose unit is the device pixel. */
  paint(
    context: CanvasRenderingContext2D,
    { annotations, selected, primary, fillAlpha }: Omit<BaseScene, "picture">,
    place: Place,
  ): void {
    const { image, view, pixelRatio } = place;
    const visible = annotations.filter(({ hidden }) => !hidden);
    const sheet = this.sheetFor(place, visible, fillAlpha);
    context.save();
    context.translate(view.x * pixelRatio, view.y * pixelRatio);
    context.scale(view.scale * pixelRatio, view.scale * pixelRatio);
    context.imageSmoothingEnabled = !isCrisp(view);
    const { left, top, step, width, height } = sheet.grid;
    context.beginPath();
    context.rect(0, 0, image.width, image.height); // the last pixels of a sheet may reach beyond the image
    context.clip();
    if (visible.length > 0) context.drawImage(sheet.canvas, left, top, width * step, height * step);
    for (const { uid, segmentation } of visible) {
      if (uid !== primary && selected.has(uid))
        this.strokeContour(context, segmentation, SELECTED_LINE / view.scale);
    }
    const first = visible.find(({ uid }) => uid === primary);
    if (first) this.strokeContour(context, first.segmentation, PRIMARY_LINE / view.scale);
    context.restore();
  }

  dispose(): void {
    clearTimeout(this.timer);
  }

  private sheetFor(place: Place, masks: readonly ColouredMask[], fillAlpha: number): MaskSheet {
    const { image } = place;
    if (this.overview?.image !== image) {
      this.overview = { image, sheet: new MaskSheet(overviewGrid(image), this.boxes) };
    }
    const overview = this.overview.sheet;
    if (this.detail?.place !== place) {
      clearTimeout(this.timer);
      this.detail = null;
      if (masks.length > 0 && place.view.scale * place.pixelRatio * overview.grid.step > 1)
        this.prepareDetail(place);
    }
    const sheet = this.detail?.sheet ?? overview;
    sheet.show(masks, fillAlpha);
    return sheet;
  }

  private prepareDetail(place: Place): void {
    this.timer = setTimeout(() => {
      const grid = detailGrid(place);
      if (!grid) return;
      this.detail = { place, sheet: new MaskSheet(grid, this.boxes) };
      this.repaint();
    }, REST_MILLISECONDS);
  }

  private strokeContour(context: CanvasRenderingContext2D, mask: Rle, lineWidth: number): void {
    let path = this.contours.get(mask);
    if (!path) {
      path = new Path2D();
      drawContour(mask, path);
      this.contours.set(mask, path);
    }
    context.lineCap = "square";
    context.lineWidth = 2 * lineWidth;
    context.strokeStyle = "rgb(0 0 0 / 0.55)"; // under the white line, so that it shows on bright images
    context.stroke(path);
    context.lineWidth = lineWidth;
    context.strokeStyle = "#ffffff";
    context.stroke(path);
  }
}

function overviewGrid({ height, width }: ImageSize): Grid {
  const step = Math.max(1, Math.sqrt((height * width) / MAX_PIXELS));
  return { left: 0, top: 0, step, width: Math.ceil(width / step), height: Math.ceil(height / step) };
}

/** Over the visible part of the image, at the resolution of the screen or of the image, whichever is lower. */
function detailGrid({ image, view, stage, pixelRatio }: Place): Grid | null {
  const left = Math.max(0, Math.floor(-view.x / view.scale));
  const top = Math.max(0, Math.floor(-view.y / view.scale));
  const right = Math.min(image.width, Math.ceil((stage.width - view.x) / view.scale));
  const bottom = Math.min(image.height, Math.ceil((stage.height - view.y) / view.scale));
  const step = Math.max(1, 1 / (view.scale * pixelRatio));
  if (right <= left || bottom <= top) return null;
  return {
    left,
    top,
    step,
    width: Math.ceil((right - left) / step),
    height: Math.ceil((bottom - top) / step),
  };
}
