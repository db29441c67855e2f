/**
 * Between image pixels, model pixels, screen pixels and the low-resolution grid of logits.
 *
 * Coordinates are continuous: x to the right, y down, the centre of pixel (0, 0) at (0.5, 0.5). Sizes are (height, width).
 * `server/limner/vocabulary/geometry.py` says the same in Python; `tests/golden/geometry.json` holds both to it.
 */

type Framed<Frame extends string> = readonly [x: number, y: number] & { readonly _frame?: Frame };

/** In pixels of the oriented image. */
export type ImagePoint = Framed<"image">;
/** In pixels of the model's square input. */
export type ModelPoint = Framed<"model">;
/** In CSS pixels, from the top-left corner of the stage. */
export type ScreenPoint = Framed<"screen">;

/** x0 < x1 and y0 < y1, in image pixels. */
export type ImageBox = readonly [x0: number, y0: number, x1: number, y1: number] & {
  readonly _frame?: "image";
};

export interface ImageSize {
  readonly height: number;
  readonly width: number;
}

export const imagePoint = (x: number, y: number): ImagePoint => [x, y];
export const modelPoint = (x: number, y: number): ModelPoint => [x, y];
export const screenPoint = (x: number, y: number): ScreenPoint => [x, y];

/** How an image of any shape becomes a square: its longest side fills it and the rest is padding, or both sides are stretched. */
export type Fit = "pad" | "stretch";

/** The model's square input, as its manifest names it. */
export interface ModelSquare {
  /** S: its side, in model pixels. */
  readonly image_size: number;
  readonly fit: Fit;
}

/** How one image lies in the model's square input. */
export class ImageGeometry {
  readonly height: number;
  readonly width: number;
  /** S: the side of the model's input, in model pixels. */
  readonly imageSize: number;
  /** Of the resized image inside the S × S input, in model pixels; at least one pixel each. */
  readonly inputHeight: number;
  readonly inputWidth: number;

  /** @throws RangeError when a size is not positive. */
  constructor({ height, width }: ImageSize, { image_size: imageSize, fit }: ModelSquare) {
    if (!(Math.min(height, width, imageSize) >= 1)) {
      throw new RangeError(
        `An image of ${height} × ${width} pixels for a model input of ${imageSize} is impossible.`,
      );
    }
    const scale = imageSize / Math.max(height, width);
    this.height = height;
    this.width = width;
    this.imageSize = imageSize;
    this.inputHeight = fit === "stretch" ? imageSize : Math.max(1, Math.floor(height * scale + 0.5));
    this.inputWidth = fit === "stretch" ? imageSize : Math.max(1, Math.floor(width * scale + 0.5));
  }

  /** Both axes scale by the whole pixels of the resized image, as SAM's `ResizeLongestSide` does. */
  toModel([x, y]: ImagePoint): ModelPoint {
    return modelPoint(x * (this.inputWidth / this.width), y * (this.inputHeight / this.height));
  }

  /** The inverse of {@link toModel}. */
  toImage([x, y]: ModelPoint): ImagePoint {
    return imagePoint(x * (this.width / this.inputWidth), y * (this.height / this.inputHeight));
  }

  /** Size of the image in cells of the low-resolution grid; the rest of the grid is padding. */
  validCells(lowResSize: number): ImageSize {
    const cellsPerPixel = lowResSize / this.imageSize;
    return { height: this.inputHeight * cellsPerPixel, width: this.inputWidth * cellsPerPixel };
  }
}

/** Whether the point lies in the closed rectangle [0, width] × [0, height]. */
export function isInside([x, y]: ImagePoint, { height, width }: ImageSize): boolean {
  return x >= 0 && y >= 0 && x <= width && y <= height;
}

/** The nearest point of the image. */
export function clampToImage([x, y]: ImagePoint, { height, width }: ImageSize): ImagePoint {
  return imagePoint(Math.min(Math.max(x, 0), width), Math.min(Math.max(y, 0), height));
}
