/** The mask being drawn or hovered over, traced from the decoder's logits at the resolution of the screen. */

import { ColumnMaskBuilder } from "../core/column-mask.ts";
import { ImageGeometry, type ImageSize } from "../core/geometry.ts";
import { type Axes, makeAxis, type Plane, StretchFinder } from "../core/logits.ts";
import type { Region } from "../core/region.ts";
import { drawRings, smoothOutline } from "../core/smooth-outline.ts";
import type { Manifest } from "../decoder/manifest.ts";
import { type MaskLook, paintMask } from "./mask-strokes.ts";
import { type DeviceRect, pictureIn, type StageSize, type View, visiblePart } from "./view.ts";

const BEYOND = 6; // device px around what is seen: a mask that goes on there has no border there
const DIMMED = "rgb(0 0 0 / 0.4)";

export interface PreviewStyle {
  /** "#rrggbb" */
  readonly colour: string;
  readonly look: MaskLook;
  /** Whether everything around the mask is darkened. */
  readonly dims: boolean;
}

interface PreviewPlace {
  readonly image: ImageSize;
  readonly view: View;
  readonly stage: StageSize;
  readonly pixelRatio: number;
  readonly model: Manifest;
  /** What the logits are of; null for the whole image. */
  readonly region: Region | null;
}

interface Projection {
  readonly key: readonly unknown[];
  readonly part: DeviceRect;
  readonly axes: Axes;
}

export class PreviewLayer {
  private readonly finder = new StretchFinder();
  private projection: Projection | null = null;
  private traced: { readonly plane: Plane; readonly projection: Projection; readonly path: Path2D } | null =
    null;

  /** On a context that is empty where the image is. Its unit is the device pixel. */
  paint(context: CanvasRenderingContext2D, plane: Plane, style: PreviewStyle, place: PreviewPlace): void {
    const projection = this.project(place);
    if (!projection) return;
    const path = this.pathOf(plane, projection);
    const { part } = projection;
    context.save();
    if (style.dims) {
      context.fillStyle = DIMMED;
      const around = new Path2D(path);
      const [left, top, width, height] = imageOn(place);
      around.rect(left, top, width, height);
      context.save();
      context.beginPath();
      context.rect(left, top, width, height);
      context.clip();
      context.fill(around, "evenodd");
      context.restore();
    }
    context.beginPath();
    context.rect(part.left, part.top, part.width, part.height);
    context.clip();
    paintMask(context, path, style.colour, style.look, 1 / place.pixelRatio);
    context.restore();
  }

  /** Planes are views of the decoder's answer, made anew whenever it is asked for. */
  private pathOf(plane: Plane, projection: Projection): Path2D {
    const { traced } = this;
    const isSame =
      traced?.projection === projection &&
      traced.plane.data === plane.data &&
      traced.plane.offset === plane.offset;
    if (isSame) return traced.path;
    const { part, axes } = projection;
    const [height, width] = [axes.rows.length, axes.columns.length];
    const builder = new ColumnMaskBuilder({ height, width });
    this.finder.begin(plane, axes, "columns");
    for (let column = 0; column < width; column++) {
      const count = this.finder.find(column);
      for (let at = 0; at < count; at += 2)
        builder.add(column, this.finder.ends[at]!, this.finder.ends[at + 1]!);
    }
    const path = new Path2D();
    drawRings(smoothOutline(builder.build()), path, 1, part.left - BEYOND, part.top - BEYOND);
    this.traced = { plane, projection, path };
    return path;
  }

  private project(place: PreviewPlace): Projection | null {
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
    const axis = (offset: number, length: number, viewOffset: number, cellsPerPixel: number) => {
      const origin = ((offset - BEYOND) / pixelRatio - viewOffset) / view.scale;
      return makeAxis(origin, step, length + 2 * BEYOND, cellsPerPixel, cells);
    };
    this.projection = {
      key,
      part,
      axes: {
        rows: axis(part.top, part.height, view.y, valid.height / image.height),
        columns: axis(part.left, part.width, view.x, valid.width / image.width),
      },
    };
    return this.projection;
  }
}

/** Where the image lies on the stage, in device pixels. */
function imageOn({ image, view, pixelRatio }: PreviewPlace): [number, number, number, number] {
  const scale = view.scale * pixelRatio;
  return [view.x * pixelRatio, view.y * pixelRatio, image.width * scale, image.height * scale];
}
