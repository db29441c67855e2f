/** The image itself, with a smaller copy for when it is seen small: shrinking 24 MP on every frame is slow and noisy. */

import type { ImageSize } from "../core/geometry.ts";
import { isCrisp, type View } from "./view.ts";

const LARGE = 4096; // px on the longest side: beyond this, a smaller copy pays
const COPY_SIDE = 2048;

/** Whether a bitmap was freed: the page has left its image, and what showed it is asked to paint a last time. */
export function isFreed(bitmap: ImageBitmap): boolean {
  return bitmap.width === 0; // as the specification says of what is detached; painting it would be an error
}

export class Picture {
  private copy: ImageBitmap | null = null;
  private closed = false;
  private copies = 0;

  /** @param onReady called when a repaint would look better */
  constructor(
    private readonly bitmap: ImageBitmap,
    onReady: () => void,
  ) {
    const longest = Math.max(bitmap.width, bitmap.height);
    if (longest > LARGE) void this.shrink(COPY_SIDE / longest).then(onReady);
  }

  /** Another number means that painting it would look different. */
  get version(): number {
    return this.copies;
  }

  /** In a context whose unit is the device pixel. */
  paint(
    context: CanvasRenderingContext2D,
    { width, height }: ImageSize,
    view: View,
    pixelRatio: number,
  ): void {
    if (isFreed(this.bitmap)) return;
    const scale = view.scale * pixelRatio;
    const source = this.copy && width * scale <= this.copy.width ? this.copy : this.bitmap;
    context.imageSmoothingEnabled = !isCrisp(view);
    context.imageSmoothingQuality = scale < 1 ? "high" : "low";
    context.drawImage(source, view.x * pixelRatio, view.y * pixelRatio, width * scale, height * scale);
  }

  /** Frees the copy; the bitmap belongs to whoever gave it. */
  close(): void {
    this.closed = true;
    this.copy?.close();
    this.copy = null;
  }

  private async shrink(factor: number): Promise<void> {
    const { width, height } = this.bitmap;
    const copy = await createImageBitmap(this.bitmap, {
      resizeWidth: Math.max(1, Math.round(width * factor)),
      resizeHeight: Math.max(1, Math.round(height * factor)),
      resizeQuality: "high",
    });
    if (this.closed) copy.close();
    else {
      this.copy = copy;
      this.copies++;
    }
  }
}
