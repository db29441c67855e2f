/** Finding a command in the sheet of keys: by what it does or by its keys. */
import { GROUP_NAMES } from "../tools/actions/action.ts";
import type { NamedAction } from "../tools/actions/table.ts";
import { type Keymap, written } from "../tools/keys.ts";

/** @param text what was typed: "brush", "b", "ctrl z" */
export function found(info: NamedAction, keymap: Keymap, text: string): boolean {
  const wanted = plain(text);
  if (wanted === "") return true;
  const keys = keymap.keysOf(info.command).map((chord) => plain(written(chord)));
  // One sign is a key; as a part of words it would find nearly everything.
  if (wanted.length === 1) return keys.some((key) => key === wanted || key.endsWith(` ${wanted}`));
  return (
    plain(`${info.does()} ${GROUP_NAMES[info.group]()}`).includes(wanted) ||
    keys.some((key) => key.includes(wanted))
  );
}

/** "Ctrl + Z", "ctrl+z" and "Ctrl Z" are the same. */
function plain(text: string): string {
  const trimmed = text.trim().toLowerCase();
  return trimmed.length === 1 ? trimmed : trimmed.replace(/\s*\+\s*(?=.)/g, " ");
}
