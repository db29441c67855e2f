/** Where on each image somebody was, so that who comes back to it sees what they left. */
import { resize, type StageSize, type View } from "../canvas/view.ts";
import type { ImageSize } from "../core/geometry.ts";

type NumberedImage = ImageSize & { readonly id: number };

export class LeftViews {
  private readonly views = new Map<number, { readonly view: View; readonly stage: StageSize }>();
  private last: NumberedImage | null = null;

  /** @param most images that are remembered; the one that was moved longest ago is forgotten first */
  constructor(private readonly most = 200) {}

  /** @param view null: the image is simply fitted */
  remember(image: NumberedImage, view: View | null, stage: StageSize): void {
    this.views.delete(image.id);
    this.last = image;
    if (!view) return;
    this.views.set(image.id, { view, stage });
    const [oldest] = this.views.keys();
    if (this.views.size > this.most && oldest !== undefined) this.views.delete(oldest);
  }

  /**
   * How an image is to be seen that is opened now.
   *
   * @param keeps whether an image that is as large as the one before is seen as that one is
   * @param current how that one is seen
   * @returns null: fitted
   */
  open(image: NumberedImage, stage: StageSize, keeps: boolean, current: View | null): View | null {
    const { last } = this;
    this.last = image;
    const left = this.views.get(image.id);
    if (left) return resize(left.view, left.stage, stage, image);
    const alike = last !== null && last.width === image.width && last.height === image.height;
    return keeps && alike ? current : null;
  }
}
