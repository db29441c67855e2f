/**
 * Saved annotations over the image. A sheet over the whole image, of limited resolution, is always there; where a large
 * image is seen closer than that, a second sheet shows what is visible pixel by pixel, once the view rests.
 */

import type { ImageSize } from "../core/geometry.ts";
import type { PixelBox } from "../core/pixel-box.ts";
import type { Rle } from "../core/rle.ts";
import { clear } from "./clear.ts";
import { drawContour } from "./contour.ts";
import { MaskSheet } from "./mask-sheet.ts";
import type { BaseScene, Place } from "./scene.ts";
import { BoxCache, type ColouredMask } from "./sheet-pixels.ts";
import type { Grid } from "./stencil.ts";
import { isCrisp } from "./view.ts";

const MAX_PIXELS = 4_000_000; // of the sheet over the whole image: 16 MB
const REST_MILLISECONDS = 120; // without a change of view, until the detail is painted
const PRIMARY_LINE = 2.25; // CSS px, around the one that keys mean
const SELECTED_LINE = 1.25; // CSS px, around the others that are selected

/** A mask's outline, strong for the one that keys mean. */
interface Outline {
  readonly mask: Rle;
  /** CSS px. */
  readonly width: number;
}

interface Shown {
  readonly place: Place;
  readonly sheet: MaskSheet;
  readonly outlines: readonly Outline[];
  readonly isEmpty: boolean;
}

export class AnnotationLayer {
  private readonly boxes = new BoxCache();
  private overview: { image: ImageSize; sheet: MaskSheet } | null = null;
  private detail: { place: Place; sheet: MaskSheet } | null = null;
  private readonly contours = new WeakMap<Rle, Path2D>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private shown: Shown | null = null;

  /**
   * @param context of a canvas that nobody else paints on; its unit is the device pixel
   * @param repaint called when the detail for a view is ready
   */
  constructor(
    private readonly context: CanvasRenderingContext2D,
    private readonly repaint: () => void,
  ) {}

  /** Paints what changed since the last time. */
  paint(place: Place, { annotations, selected, primary, fillAlpha }: Omit<BaseScene, "picture">): void {
    const visible = annotations.filter(({ hidden }) => !hidden);
    const sheet = this.sheetFor(place, visible);
    const dirty = sheet.show(visible, fillAlpha);
    const outlines = outlinesOf(visible, selected, primary);
    const { shown } = this;
    this.shown = { place, sheet, outlines, isEmpty: visible.length === 0 };
    const { grid } = sheet;
    if (shown?.place !== place || shown.sheet !== sheet || !isSame(shown.outlines, outlines)) {
      clear(this.context, place.stage, place.pixelRatio);
      this.paintWithin({ left: 0, top: 0, width: grid.width, height: grid.height }, place);
    } else if (dirty) this.paintWithin(dirty, place);
  }

  /** @param part of the sheet, in its pixels */
  private paintWithin(part: PixelBox, { image, view, pixelRatio }: Place): void {
    const { context } = this;
    const { sheet, outlines, isEmpty } = this.shown!;
    const { left, top, step, width, height } = sheet.grid;
    const scale = view.scale * pixelRatio;
    const [x, y] = [view.x * pixelRatio, view.y * pixelRatio];
    // Whole device pixels, and those that smoothing reaches.
    const reach = Math.ceil(step * scale) + 1;
    const from = (origin: number, at: number, offset: number) =>
      Math.floor(offset + (origin + at * step) * scale);
    const [x0, y0] = [from(left, part.left, x) - reach, from(top, part.top, y) - reach];
    const x1 = from(left, part.left + part.width, x) + 1 + reach;
    const y1 = from(top, part.top + part.height, y) + 1 + reach;
    context.save();
    context.beginPath();
    context.rect(x0, y0, x1 - x0, y1 - y0);
    context.clip();
    context.clearRect(x0, y0, x1 - x0, y1 - y0);
    context.translate(x, y);
    context.scale(scale, scale);
    context.imageSmoothingEnabled = !isCrisp(view);
    context.beginPath();
    context.rect(0, 0, image.width, image.height); // the last pixels of a sheet may reach beyond the image
    context.clip();
    if (!isEmpty) context.drawImage(sheet.canvas, left, top, width * step, height * step);
    for (const { mask, width: line } of outlines) this.strokeContour(mask, line / view.scale);
    context.restore();
  }

  dispose(): void {
    clearTimeout(this.timer);
  }

  private sheetFor(place: Place, masks: readonly ColouredMask[]): MaskSheet {
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
    return this.detail?.sheet ?? overview;
  }

  private prepareDetail(place: Place): void {
    this.timer = setTimeout(() => {
      const grid = detailGrid(place);
      if (!grid) return;
      this.detail = { place, sheet: new MaskSheet(grid, this.boxes) };
      this.repaint();
    }, REST_MILLISECONDS);
  }

  private strokeContour(mask: Rle, lineWidth: number): void {
    const { context } = this;
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

/** The one that keys mean comes last: over the others. */
function outlinesOf(
  visible: BaseScene["annotations"],
  selected: ReadonlySet<string>,
  primary: string | null,
): Outline[] {
  const outlined = visible.filter(({ uid }) => uid !== primary && selected.has(uid));
  const first = visible.find(({ uid }) => uid === primary);
  return [
    ...outlined.map(({ segmentation }) => ({ mask: segmentation, width: SELECTED_LINE })),
    ...(first ? [{ mask: first.segmentation, width: PRIMARY_LINE }] : []),
  ];
}

function isSame(a: readonly Outline[], b: readonly Outline[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ mask, width }, index) => mask === b[index]!.mask && width === b[index]!.width)
  );
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
