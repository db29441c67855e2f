/** Where a person was in a list of images, to come back to after looking at one. Forgotten with the tab. */
const places = new Map<string, number>();

/** @param address of the gallery, with what it lists. @param scrolled px */
export function rememberPlace(address: string, scrolled: number): void {
  places.set(address, scrolled);
}

export function placeIn(address: string): number {
  return places.get(address) ?? 0;
}
