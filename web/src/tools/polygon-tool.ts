import type { ImagePoint } from "../core/geometry.ts";
import type { Ring } from "../core/polygon.ts";
import type { PointerInput, Tool, ToolSession, ToolStage } from "./tool.ts";

const CLOSING_DISTANCE = 8; // CSS px from the first corner within which a click closes

/**
 * The session has the corners, so that they outlive the page. Clicks set them; Enter, a double click or a click on the first corner closes. With Alt or Ctrl held at the first click,
 * or as the options say, the polygon takes pixels away.
 */
export class PolygonTool implements Tool {
  readonly cursor = "crosshair";

  constructor(
    private readonly session: ToolSession,
    private readonly stage: ToolStage,
  ) {}

  private get corners(): Ring {
    return this.session.masks.outline?.ring ?? [];
  }

  get underWay(): boolean {
    return this.corners.length > 0;
  }

  hover({ image }: PointerInput): void {
    this.show(image);
  }

  leave(): void {
    this.show(null);
  }

  down(): void {}

  drag({ image }: PointerInput): void {
    this.show(image);
  }

  up({ image, erasing }: PointerInput): void {
    const { corners } = this;
    if (corners.length > 2 && this.isNear(corners[0]!, image)) {
      this.finish();
      return;
    }
    const { masks } = this.session;
    const subtracts = masks.outline?.subtracts ?? erasing !== masks.options.subtracts;
    const last = corners.at(-1);
    if (!last || !this.isSame(last, image)) masks.sketch([...corners, image], subtracts);
    this.show(image);
  }

  /** Its two clicks have set one corner. */
  doubleClick(): void {
    this.finish();
  }

  finish(): boolean {
    const { corners } = this;
    if (corners.length < 3) return corners.length > 0;
    this.session.masks.closeOutline();
    this.show(null);
    return true;
  }

  back(): boolean {
    const { outline } = this.session.masks;
    if (outline) this.session.masks.sketch(outline.ring.slice(0, -1), outline.subtracts);
    this.show(null);
    return outline !== null;
  }

  abort(): void {
    this.show(null);
  }

  reset(): void {
    this.show(null);
  }

  cancel(): boolean {
    const begun = this.underWay;
    this.session.masks.sketch([], false);
    this.show(null);
    return begun;
  }

  private show(pointer: ImagePoint | null): void {
    this.stage.show(pointer && this.underWay ? { corner: pointer } : {});
  }

  private isNear([x0, y0]: ImagePoint, [x1, y1]: ImagePoint): boolean {
    return Math.hypot(x1 - x0, y1 - y0) * this.stage.scale <= CLOSING_DISTANCE;
  }

  /** An unsteady double click sets no second corner. */
  private isSame([x0, y0]: ImagePoint, [x1, y1]: ImagePoint): boolean {
    return Math.hypot(x1 - x0, y1 - y0) * this.stage.scale < 3;
  }
}
