import { clampToImage, type ImagePoint, type ImageSize, imagePoint } from "../core/geometry.ts";
import type { PointLabel } from "../core/prompts.ts";

/** What the pointer acts on; the session is one. */
export interface PointedAt {
  readonly image: ImageSize | null;
  readonly drawing: {
    hover(at: ImagePoint | null): void;
    addPoint(at: ImagePoint, label: PointLabel): void;
  };
}

const STEPS = 50; // from one side of the image to the other
const DIRECTIONS: Readonly<Record<string, readonly [x: number, y: number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/**
 * Points at the image with keys: Shift and arrows move it, with Ctrl pixel by pixel. It starts in the middle of each image.
 */
export class KeyboardPointer {
  /** Null until it is moved. */
  at = $state.raw<ImagePoint | null>(null);

  constructor(private readonly target: PointedAt) {}

  /** Another image is shown, or the mouse has taken over. */
  reset(): void {
    this.at = null;
  }

  /** @returns whether the key meant the pointer */
  handle({ key, shiftKey, ctrlKey, metaKey, altKey }: KeyboardEvent): boolean {
    const direction = DIRECTIONS[key];
    if (altKey) return false;
    return direction !== undefined && shiftKey && this.move(direction, ctrlKey || metaKey);
  }

  /** Give a prompt where it points. @returns whether there is an image */
  point(label: PointLabel): boolean {
    const { image } = this.target;
    if (image) this.target.drawing.addPoint(this.place(image), label);
    return image !== null;
  }

  private move([x, y]: readonly [number, number], fine: boolean): boolean {
    const { image } = this.target;
    if (!image) return false;
    const step = fine ? 1 : Math.max(1, Math.round(Math.max(image.height, image.width) / STEPS));
    const [fromX, fromY] = this.place(image);
    this.at = clampToImage(imagePoint(fromX + x * step, fromY + y * step), image);
    this.target.drawing.hover(this.at);
    return true;
  }

  /** On the middle of a pixel. */
  private place({ height, width }: ImageSize): ImagePoint {
    return this.at ?? imagePoint(Math.floor(width / 2) + 0.5, Math.floor(height / 2) + 0.5);
  }
}
