/** How the hand tools work. Kept for as long as the page is open, whatever image it shows. */

import { type BrushShape, MAX_BRUSH, MIN_BRUSH } from "../core/brush.ts";
import type { OverlapPolicy } from "./overlap.ts";

const STEP_SHARE = 0.1; // of the size, per step of the keys
const BIG_STEP_SHARE = 0.5;

export class HandOptions {
  /** Of brush and eraser, across, in image pixels. */
  size = $state(24);
  shape = $state<BrushShape>("round");
  /** Whether polygons take pixels away. */
  subtracts = $state(false);
  overlap = $state<OverlapPolicy>("allow");
  /** Holes up to and parts below so many pixels are cleaned up. */
  speck = $state(64);
  /** By which masks grow, shrink and are smoothed, in pixels. */
  radius = $state(2);
  /** How far a polygon may be from its mask, in pixels. */
  tolerance = $state(1);

  setSize(size: number): void {
    this.size = Math.min(Math.max(Math.round(size), MIN_BRUSH), MAX_BRUSH);
  }

  /** At least one pixel, and more for larger brushes. */
  resize(direction: 1 | -1, big: boolean): void {
    const step = Math.max(1, Math.round(this.size * (big ? BIG_STEP_SHARE : STEP_SHARE)));
    this.setSize(this.size + direction * step);
  }
}
