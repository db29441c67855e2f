/** Where a person was in a gallery, to come back to after looking at an image. Forgotten with the tab. */
import type { ImageFilter } from "../api/types.ts";

export interface GalleryPlace {
  filter: ImageFilter;
  /** How many images were loaded. */
  count: number;
  /** px */
  scrolled: number;
}

const places = new Map<number, GalleryPlace>();

export function rememberPlace(projectId: number, place: GalleryPlace): void {
  places.set(projectId, place);
}

export function placeIn(projectId: number): GalleryPlace {
  return places.get(projectId) ?? { filter: "all", count: 0, scrolled: 0 };
}
