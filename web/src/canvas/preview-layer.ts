/** The mask being drawn or hovered over, straight from the decoder's logits at the resolution of the screen. */

import { ImageGeometry, type ImageSize } from "../core/geometry.ts";
import { type Axes, makeAxis, type Plane } from "../core/logits.ts";
import { MaskPainter, rgba } from "../core/paint.ts";
import type { Region } from "../core/region.ts";
import type { Manifest } from "../decoder/manifest.ts";
import { type DeviceRect, pictureIn, type StageSize, type View, visiblePart } from "./view.ts";

const LINE = 1.5; // CSS px

export interface PreviewStyle {
  /** "#rrggbb" */
  readonly colour: string;
  readonly alpha: number;
}

interface Projection {
  readonly key: readonly unknown[];
  readonly part: DeviceRect;
  readonly axes: Axes;
}

export class PreviewLayer {
  private readonly painter = new MaskPainter();
  private buffer = new ArrayBuffer(0); // grows to the largest visible part and is used again
  private projection: Projection | null = null;

  /** On a context that is empty where the image is. Its unit is the device pixel. */
  paint(
    context: CanvasRenderingContext2D,
    plane: Plane,
    style: PreviewStyle,
    place: {
      image: ImageSize;
      view: View;
      stage: StageSize;
      pixelRatio: number;
      model: Manifest;
      /** What the logits are of; null for the whole image. */
      region: Region | null;
    },
  ): void {
    const projection = this.project(place);
    if (!projection) return;
    const { part, axes } = projection;
    const bytes = part.width * part.height * 4;
    if (this.buffer.byteLength < bytes) this.buffer = new ArrayBuffer(bytes);
    const pixels = new Uint32Array(this.buffer, 0, part.width * part.height);
    const dirty = this.painter.paint(plane, axes, pixels, {
      fill: rgba(style.colour, style.alpha),
      rim: rgba(style.colour, 1),
      rimWidth: Math.round(LINE * place.pixelRatio),
    });
    if (!dirty) return;
    const image = new ImageData(new Uint8ClampedArray(this.buffer, 0, bytes), part.width, part.height);
    context.putImageData(image, part.left, part.top, dirty.left, dirty.top, dirty.width, dirty.height);
  }

  private project(place: Parameters<PreviewLayer["paint"]>[3]): Projection | null {
    const { stage, pixelRatio, model, region } = place;
    const key = [place.image, place.view, stage, pixelRatio, model, region];
    if (this.projection?.key.every((value, index) => value === key[index])) return this.projection;
    this.projection = null;
    const image = region ?? place.image;
    const view = region ? pictureIn(place.view, region) : place.view;
    const part = visiblePart(view, image, stage, pixelRatio);
    if (!part) return null;
    const cells = model.masks.low_res_size;
    const valid = new ImageGeometry(image, model.input).validCells(cells);
    const step = 1 / (view.scale * pixelRatio); // image pixels per device pixel
    const origin = (deviceOffset: number, viewOffset: number) =>
      (deviceOffset / pixelRatio - viewOffset) / view.scale;
    this.projection = {
      key,
      part,
      axes: {
        rows: makeAxis(origin(part.top, view.y), step, part.height, valid.height / image.height, cells),
        columns: makeAxis(origin(part.left, view.x), step, part.width, valid.width / image.width, cells),
      },
    };
    return this.projection;
  }
}
