import type { StageSize } from "./view.ts";

/** Also gives the canvas the size of the stage: doing so empties it, so that belongs into the same frame. */
export function clear(context: CanvasRenderingContext2D, stage: StageSize, pixelRatio: number): void {
  const { canvas } = context;
  const [width, height] = [Math.round(stage.width * pixelRatio), Math.round(stage.height * pixelRatio)];
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  } else {
    context.clearRect(0, 0, width, height);
  }
}
