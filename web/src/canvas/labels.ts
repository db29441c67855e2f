/** The names of objects, as they stand on them. */

const FONT = 12; // CSS px
const PADDING = 5; // CSS px, left and right of the text
const EDGE = 3; // CSS px, in the object's colour
const HEIGHT = 18; // CSS px
const GROUND = "rgb(0 0 0 / 0.75)";

export interface Label {
  readonly text: string;
  /** "#rrggbb" of the object. */
  readonly colour: string;
  /** Its middle, in px of the canvas. */
  readonly x: number;
  readonly y: number;
  /** Of the object on the screen, in CSS px: on what is lower than a label none stands. */
  readonly room: number;
  /** Selected, or pointed at: it stands even where there is no room for it. */
  readonly meant: boolean;
}

interface Laid extends Label {
  readonly width: number;
}

/** Only those that lie on no other one; those that are meant come before all others. */
export function laid(labels: readonly Label[], widthOf: (text: string) => number, ratio: number): Laid[] {
  const kept: Laid[] = [];
  const height = HEIGHT * ratio;
  for (const label of labels.toSorted((a, b) => Number(b.meant) - Number(a.meant) || b.room - a.room)) {
    if (!label.meant && label.room < HEIGHT) continue;
    const width = widthOf(label.text) + (2 * PADDING + EDGE) * ratio;
    const covers = kept.some(
      (other) =>
        Math.abs(other.x - label.x) < (other.width + width) / 2 && Math.abs(other.y - label.y) < height,
    );
    if (!covers || label.meant) kept.push({ ...label, width });
  }
  return kept;
}

/** On a context whose unit is the device pixel. @param ratio device pixels per CSS pixel */
export function paintLabels(
  context: OffscreenCanvasRenderingContext2D,
  labels: readonly Label[],
  ratio: number,
): void {
  context.font = `600 ${FONT * ratio}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  const shown = laid(labels, (text) => context.measureText(text).width, ratio);
  for (const { text, colour, x, y, width } of shown.reverse()) {
    const [left, top, height] = [x - width / 2, y - (HEIGHT / 2) * ratio, HEIGHT * ratio];
    context.fillStyle = GROUND;
    context.fillRect(left, top, width, height);
    context.fillStyle = colour;
    context.fillRect(left, top, EDGE * ratio, height);
    context.fillStyle = "#ffffff";
    context.fillText(text, left + (EDGE + PADDING) * ratio, y);
  }
}
