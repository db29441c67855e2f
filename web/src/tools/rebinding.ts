/** What changes when somebody gives a command another key. Bindings are those that the person chose, over a preset's. */

import type { Command } from "./actions/table.ts";
import { type Bindings, type Chord, Keymap } from "./keys.ts";

/** One key of a command is to become another; null adds one. */
export interface Change {
  readonly command: Command;
  readonly from: Chord | null;
  readonly to: Chord;
}

/** The command that has the key already, if another one has. */
export function clashOf(preset: Bindings, own: Bindings, { command, to }: Change): Command | null {
  const owner = Keymap.of(preset, own).ownerOf(to);
  return owner === command ? null : owner;
}

/** The new key means the command. What it meant before gets the old key in exchange, or loses it where there is none. */
export function rebound(preset: Bindings, own: Bindings, change: Change): Bindings {
  const { command, from, to } = change;
  const keymap = Keymap.of(preset, own);
  const keys = keymap.keysOf(command);
  if (keys.includes(to)) return own;
  const changed = from === null ? [...keys, to] : keys.map((key) => (key === from ? to : key));
  const other = clashOf(preset, own, change);
  if (other === null) return { ...own, [command]: changed };
  const left = keymap.keysOf(other).flatMap((key) => (key !== to ? [key] : from === null ? [] : [from]));
  return { ...own, [command]: changed, [other]: left };
}

export function without(preset: Bindings, own: Bindings, command: Command, key: Chord): Bindings {
  const keys = Keymap.of(preset, own).keysOf(command);
  return { ...own, [command]: keys.filter((each) => each !== key) };
}

/** As the preset has it; with it the commands that have got its keys. */
export function resetOne(preset: Bindings, own: Bindings, command: Command): Bindings {
  const { [command]: _dropped, ...others } = own;
  const rest: Bindings = others;
  const usual = Keymap.of(preset).keysOf(command);
  const holders = (Object.keys(rest) as Command[]).filter((each) =>
    rest[each]?.some((key) => usual.includes(key)),
  );
  return holders.reduce<Bindings>((left, holder) => resetOne(preset, left, holder), rest);
}
