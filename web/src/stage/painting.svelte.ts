import { Frame } from "../canvas/frame.ts";
import { Painter } from "../canvas/painter.ts";
import type { Stage } from "./stage.svelte.ts";

/** Canvases of a stage, each above those before it. */
export interface Canvases {
  readonly picture: HTMLCanvasElement;
  readonly base: HTMLCanvasElement;
  readonly edited: HTMLCanvasElement;
  readonly overlay: HTMLCanvasElement;
}

/** Paint each layer in the next frame after something in it has changed. Call within an effect. @returns disposer */
export function paintOn({ picture, base, edited, overlay }: Canvases, stage: Stage): () => void {
  const painter = new Painter(picture, base, edited, overlay, () => stage.repaint());
  const [baseFrame, editedFrame, overlayFrame] = [new Frame(), new Frame(), new Frame()];
  $effect(() => {
    const { place, base: scene } = stage;
    if (place) baseFrame.request(() => painter.paintBase(place, scene));
  });
  $effect(() => {
    const { place, edited: scene } = stage;
    if (place) editedFrame.request(() => painter.paintEdited(place, scene));
  });
  $effect(() => {
    const { place, overlay: scene } = stage;
    if (place) overlayFrame.request(() => painter.paintOverlay(place, scene));
  });
  return () => {
    baseFrame.cancel();
    editedFrame.cancel();
    overlayFrame.cancel();
    painter.dispose();
  };
}
