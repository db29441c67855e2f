/** Keys for saved objects: copying, and what single-object keys mean while several are selected. */
import type { Objects } from "./objects.svelte.ts";

export interface ObjectActions {
  objects: Objects;
  /** Shown in the order of their number keys. */
  categories: readonly { readonly id: number }[];
  paste: () => void;
  /** Decode the selected objects again on the next image. */
  carry: () => void;
  selectAll: () => void;
}

export const OBJECT_HELP = [
  { keys: "Ctrl + A", does: "Select all objects" },
  { keys: "Ctrl + C, Ctrl + V", does: "Copy the selected objects, paste them here or on another image" },
  { keys: "Ctrl + B", does: "Find the selected objects on the next image" },
];

/** @returns whether the key meant something here */
export function handleObjectKey(event: KeyboardEvent, actions: ObjectActions): boolean {
  const { ctrlKey, metaKey, shiftKey, altKey } = event;
  if (shiftKey || altKey) return false;
  const key = event.key.toLowerCase();
  return ctrlKey || metaKey ? withControl(key, actions) : forMany(key, actions);
}

function withControl(key: string, { objects, paste, carry, selectAll }: ObjectActions): boolean {
  const some = objects.selected.length > 0;
  if (key === "a") selectAll();
  else if (key === "v" && objects.clipboard.length > 0) paste();
  else if (key === "c" && some) objects.copy();
  else if (key === "b" && some) carry();
  else return false;
  return true;
}

function forMany(key: string, { objects, categories }: ObjectActions): boolean {
  if (objects.selected.length < 2) return false;
  const category = /^\d$/.test(key) ? categories[(Number(key) + 9) % 10] : undefined;
  if (category) objects.setCategory(category.id);
  else if (key === "delete") objects.remove();
  else if (key === "h") objects.toggleHidden();
  else if (key === "l") objects.toggleLocked();
  else return false;
  return true;
}
