/** The outline of a mask as text, for SVG. */

import { ColumnMask } from "./column-mask.ts";
import type { Rle } from "./rle.ts";
import { drawRings, type Pen, smoothOutline } from "./smooth-outline.ts";

const round = (value: number) => Math.round(value * 10) / 10; // image pixels

class PathText implements Pen {
  readonly parts: string[] = [];

  moveTo(x: number, y: number): void {
    this.parts.push(`M${round(x)} ${round(y)}`);
  }
  lineTo(x: number, y: number): void {
    this.parts.push(`L${round(x)} ${round(y)}`);
  }
  quadraticCurveTo(controlX: number, controlY: number, x: number, y: number): void {
    this.parts.push(`Q${round(controlX)} ${round(controlY)} ${round(x)} ${round(y)}`);
  }
  closePath(): void {
    this.parts.push("Z");
  }
}

/** In image pixels, to be filled by the even-odd rule; empty for an empty mask. */
export function outlinePath(mask: Rle): string {
  const pen = new PathText();
  drawRings(smoothOutline(ColumnMask.from(mask)), pen);
  return pen.parts.join("");
}
