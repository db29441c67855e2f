/** Commands for saved objects: copying, and what single-object commands mean while several are selected. */
import type { Command } from "../tools/command-table.ts";
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

/** @returns whether the command meant something here */
export function performOnObjects(command: Command, actions: ObjectActions): boolean {
  const { objects, paste, carry, selectAll } = actions;
  const some = objects.selected.length > 0;
  if (command === "selectAll") selectAll();
  else if (command === "paste" && objects.clipboard.length > 0) paste();
  else if (command === "copy" && some) objects.copy();
  else if (command === "duplicate" && some) {
    objects.copy();
    paste();
  } else if (command === "carry" && some) carry();
  else if (command === "raise" || command === "lower") return objects.move(command === "raise" ? 1 : -1);
  else return objects.selected.length > 1 && performOnMany(command, actions);
  return true;
}

function performOnMany(command: Command, { objects, categories }: ObjectActions): boolean {
  const [, position] = /^category(\d)$/.exec(command) ?? [];
  const category = position === undefined ? undefined : categories[Number(position)];
  if (category) objects.setCategory(category.id);
  else if (command === "remove") objects.remove();
  else if (command === "hide") objects.toggleHidden();
  else if (command === "lock") objects.toggleLocked();
  else return false;
  return true;
}
