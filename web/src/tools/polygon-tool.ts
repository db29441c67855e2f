import type { ImagePoint } from "../core/geometry.ts";
import type { PointerInput, Tool, ToolSession, ToolStage } from "./tool.ts";

const CLOSING_DISTANCE = 8; // CSS px from the first corner within which a click closes

/**
 * Clicks set corners; Enter, a double click or a click on the first corner closes. With Alt or Ctrl held at the first click,
 * or as the options say, the polygon takes pixels away.
 */
export class PolygonTool implements Tool {
  readonly cursor = "crosshair";
  private corners: readonly ImagePoint[] = [];
  private subtracts = false;

  constructor(
    private readonly session: ToolSession,
    private readonly stage: ToolStage,
  ) {}

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
    const [first] = this.corners;
    if (!first) this.subtracts = erasing !== this.session.masks.options.subtracts;
    else if (this.corners.length > 2 && this.isNear(first, image)) {
      this.finish();
      return;
    }
    const last = this.corners.at(-1);
    if (!last || !this.isSame(last, image)) this.setCorners([...this.corners, image]);
    this.show(image);
  }

  /** Its two clicks have set one corner. */
  doubleClick(): void {
    this.finish();
  }

  finish(): boolean {
    const { corners, subtracts } = this;
    if (corners.length < 3) return corners.length > 0;
    this.cancel();
    this.session.masks.addPolygon(corners, subtracts);
    return true;
  }

  back(): boolean {
    const begun = this.underWay;
    this.setCorners(this.corners.slice(0, -1));
    this.show(null);
    return begun;
  }

  abort(): void {
    this.show(null);
  }

  cancel(): boolean {
    const begun = this.underWay;
    this.setCorners([]);
    this.stage.show({});
    return begun;
  }

  private setCorners(corners: readonly ImagePoint[]): void {
    this.corners = corners;
    this.session.masks.sketch(corners, this.subtracts);
  }

  private show(pointer: ImagePoint | null): void {
    const { corners } = this;
    this.stage.show(corners.length > 0 ? { path: pointer ? [...corners, pointer] : corners } : {});
  }

  private isNear([x0, y0]: ImagePoint, [x1, y1]: ImagePoint): boolean {
    return Math.hypot(x1 - x0, y1 - y0) * this.stage.scale <= CLOSING_DISTANCE;
  }

  /** An unsteady double click sets no second corner. */
  private isSame([x0, y0]: ImagePoint, [x1, y1]: ImagePoint): boolean {
    return Math.hypot(x1 - x0, y1 - y0) * this.stage.scale < 3;
  }
}
