/** Which part of the image is looked at: the one place that knows the region. */

import type { Region } from "../core/region.ts";

/** Regions are null for the whole image. */
export class Viewpoint {
  /** What the decoder sees and answers from. */
  region = $state.raw<Region | null>(null);
  /** What is looked at, or is to be as soon as it is encoded. */
  wanted = $state.raw<Region | null>(null);
  /** What the object being drawn is seen in, or was when it was kept. */
  drawnIn: Region | null = null;

  /** Whether {@link wanted} is still on its way. */
  get waiting(): boolean {
    return this.wanted !== null && this.wanted !== this.region;
  }

  /** Another image, seen as a whole. @param drawnIn what the object was seen in that is gone on with */
  reset(drawnIn: Region | null = null): void {
    this.region = null;
    this.wanted = null;
    this.drawnIn = drawnIn;
  }

  /** The decoder sees this from now on, and with it whoever draws. */
  see(region: Region | null): void {
    this.region = region;
    this.drawnIn = region;
  }
}
