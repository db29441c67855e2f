/** What the pictures of masks on tiles depend on besides the image: the colours of the project's categories. */
import type { Category } from "../api/types.ts";

/** Short, and another one when a category has another colour (FNV-1a, 32 bit). */
export function lookOf(categories: readonly Pick<Category, "id" | "color">[]): string {
  const text = categories
    .map(({ id, color }) => `${id}${color}`)
    .sort()
    .join();
  let hash = 0x811c9dc5;
  for (let place = 0; place < text.length; place++)
    hash = Math.imul(hash ^ text.charCodeAt(place), 0x01000193) >>> 0;
  return hash.toString(36);
}
