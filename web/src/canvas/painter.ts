/**
 * Three canvases, one over the other: the image with its annotations, the mask that is changed by hand, and what changes with
 * the pointer. Hovering repaints the upper one only, a stroke the pixels that it changes.
 */

import { AnnotationLayer } from "./annotation-layer.ts";
import { clear } from "./clear.ts";
import { EditLayer } from "./edit-layer.ts";
import { paintBrush, paintPath, paintRings } from "./hand-marks.ts";
import { paintBox, paintCrosshair, paintPrompts } from "./markers.ts";
import type { Picture } from "./picture.ts";
import { PreviewLayer } from "./preview-layer.ts";
import { paintRegionFrame } from "./region-frame.ts";
import type { BaseScene, EditScene, OverlayScene, Place } from "./scene.ts";

export class Painter {
  private readonly picture: CanvasRenderingContext2D;
  private readonly overlay: CanvasRenderingContext2D;
  private readonly annotations: AnnotationLayer;
  private readonly preview = new PreviewLayer();
  private readonly edited: EditLayer;
  /** What the lowest canvas shows. */
  private shown: readonly unknown[] = [];

  /** @param repaintBase called when the lower canvas could look better */
  constructor(
    picture: HTMLCanvasElement,
    base: HTMLCanvasElement,
    edited: HTMLCanvasElement,
    overlay: HTMLCanvasElement,
    repaintBase: () => void,
  ) {
    this.edited = new EditLayer(edited.getContext("2d")!);
    this.annotations = new AnnotationLayer(base.getContext("2d")!, repaintBase);
    this.picture = picture.getContext("2d")!;
    this.overlay = overlay.getContext("2d")!;
  }

  paintBase(place: Place, scene: BaseScene): void {
    this.paintPicture(place, scene.picture);
    this.annotations.paint(place, scene);
  }

  /** Annotations change more often than the picture under them. */
  private paintPicture(place: Place, picture: Picture | null): void {
    const looks = [place, picture, picture?.version];
    if (looks.every((value, index) => value === this.shown[index])) return;
    this.shown = looks;
    const { image, view, stage, pixelRatio } = place;
    clear(this.picture, stage, pixelRatio);
    picture?.paint(this.picture, image, view, pixelRatio);
  }

  paintEdited(place: Place, scene: EditScene | null): void {
    this.edited.paint(place, scene);
  }

  dispose(): void {
    this.annotations.dispose();
  }

  paintOverlay(place: Place, scene: OverlayScene): void {
    const { mask, frame, prompts, band, crosshair, brush, path, rings } = scene;
    const { overlay } = this;
    const { view, stage, pixelRatio } = place;
    clear(overlay, stage, pixelRatio);
    if (mask)
      this.preview.paint(overlay, mask.plane, mask.style, {
        ...place,
        model: mask.model,
        region: mask.region,
      });
    overlay.save();
    overlay.scale(pixelRatio, pixelRatio);
    if (frame) paintRegionFrame(overlay, frame, view, stage);
    if (crosshair) paintCrosshair(overlay, crosshair, view, stage);
    paintPrompts(overlay, prompts, view);
    if (band) paintBox(overlay, band, view);
    if (rings.length > 0) paintRings(overlay, rings, view, stage);
    if (path.length > 0) paintPath(overlay, path, view);
    if (brush) paintBrush(overlay, brush, view);
    overlay.restore();
  }
}
