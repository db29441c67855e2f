/** How masks look: five states that are told apart by more than their colour, two-tone so that they show on any picture. */

export interface MaskLook {
  /** 0 to 1, in the object's colour. */
  readonly fill: number;
  /** From the lowest to the uppermost; widths in CSS px, "own" is the object's colour. */
  readonly lines: readonly { readonly width: number; readonly colour: string }[];
  /** CSS px; without it, lines are not broken. */
  readonly dash?: readonly [drawn: number, left: number];
}

const DARK = "rgb(0 0 0 / 0.6)";
const OWN = "own";

/** What the pointer would make: light, and it covers nothing. */
export const PREVIEW: MaskLook = {
  fill: 0,
  lines: [
    { width: 3, colour: DARK },
    { width: 1.5, colour: "#ffffff" },
  ],
  dash: [6, 4],
};

/** What is being drawn. */
export const DRAFT: MaskLook = {
  fill: 0.3,
  lines: [
    { width: 5, colour: "rgb(0 0 0 / 0.7)" },
    { width: 2.75, colour: OWN },
  ],
};

/** What a machine proposes: light, thin and broken, so that nobody takes it for an object. */
export const suggested: MaskLook = {
  fill: 0,
  lines: [
    { width: 2.5, colour: "rgb(0 0 0 / 0.45)" },
    { width: 1.25, colour: "rgb(255 255 255 / 0.9)" },
  ],
  dash: [4, 4],
};

/** The one of them that the pointer, or a key, is at. */
export const litSuggestion: MaskLook = {
  fill: 0.3,
  lines: [
    { width: 4, colour: "rgb(0 0 0 / 0.7)" },
    { width: 2.25, colour: "#ffffff" },
  ],
  dash: [7, 4],
};

export const accepted = (fill: number): MaskLook => ({
  fill,
  lines: [
    { width: 3, colour: DARK },
    { width: 1.5, colour: OWN },
  ],
});

/** The pointer is over it, or over its row of the list. */
export const pointedAt = (fill: number): MaskLook => ({
  fill: Math.min(1, fill + 0.2),
  lines: [
    { width: 4.5, colour: DARK },
    { width: 2.5, colour: "#ffffff" },
    { width: 1.25, colour: OWN },
  ],
});

/** @param primary whether commands for a single object mean it */
export const selected = (fill: number, primary: boolean): MaskLook => ({
  fill,
  lines: [
    { width: primary ? 8 : 6, colour: "rgb(255 255 255 / 0.95)" },
    { width: primary ? 4.5 : 4, colour: "rgb(0 0 0 / 0.85)" },
    { width: 2, colour: OWN },
  ],
});

/** @param scale units of the context per CSS px are its inverse */
export function paintMask(
  context: CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D,
  path: Path2D,
  colour: string,
  { fill, lines, dash }: MaskLook,
  scale: number,
): void {
  if (fill > 0) {
    context.globalAlpha = fill;
    context.fillStyle = colour;
    context.fill(path, "evenodd");
    context.globalAlpha = 1;
  }
  context.lineJoin = "round";
  context.setLineDash(dash ? dash.map((length) => length / scale) : []);
  for (const line of lines) {
    context.lineWidth = line.width / scale;
    context.strokeStyle = line.colour === OWN ? colour : line.colour;
    context.stroke(path);
  }
  context.setLineDash([]);
}
