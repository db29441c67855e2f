/** The keyboard: how pressed keys are written, and which command they mean. */

import { m } from "../texts/messages.ts";
import { ACTIONS, type Command, commandNamed, nameOfCommand } from "./actions/table.ts";

/**
 * Keys pressed together: "Ctrl+" and "Shift+" before the name that KeyboardEvent gives, letters in lower case. Cmd counts as
 * Ctrl. Of signs and digits the Shift is left out that some keyboards need for them; only "Shift+1" is that key everywhere.
 */
export type Chord = string;

/** Commands and their keys; those that are left out keep what they have. */
export type Bindings = Readonly<Partial<Record<Command, readonly Chord[]>>>;

/** The parts of a KeyboardEvent that matter. */
export interface KeyInput {
  readonly key: string;
  readonly code?: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly shiftKey: boolean;
  readonly altKey: boolean;
  getModifierState?(modifier: string): boolean;
}

const MODIFIERS: ReadonlySet<string> = new Set(["Control", "Shift", "Alt", "Meta", "AltGraph", "CapsLock"]);

/** The browser does these before a page hears of them. */
const OF_THE_BROWSER = /^(Ctrl\+(Shift\+)?([ntw]|Tab|PageUp|PageDown)|F11|F12)$/;
const OF_THE_POINTER = /^(Ctrl\+)?Shift\+Arrow/;

/** Keys that a focused button or link needs for itself. */
const KEYS_OF_CONTROLS: ReadonlySet<string> = new Set(["Tab", "Enter", " "]);

/** Null for a modifier alone, and with Alt, which desktops take for themselves. AltGr only makes another sign. */
export function chordOf(pressed: KeyInput): Chord | null {
  const { ctrlKey, metaKey, shiftKey, altKey } = pressed;
  const key = latinKey(pressed);
  const makesSign = pressed.getModifierState?.("AltGraph") ?? false;
  if (MODIFIERS.has(key) || (altKey && !makesSign)) return null;
  const control = (ctrlKey || metaKey) && !makesSign;
  return `${control ? "Ctrl+" : ""}${shiftKey && !isSign(key) ? "Shift+" : ""}${nameOf(key)}`;
}

/** Why a chord cannot get another meaning; empty when it can. */
export function refusal(pressed: KeyInput): string {
  const chord = chordOf(pressed);
  if (chord === null) return m.tools_key_refused_alt();
  if (OF_THE_BROWSER.test(chord)) return m.tools_key_refused_browser({ key: written(chord) });
  return OF_THE_POINTER.test(chord) ? m.tools_key_refused_pointer() : "";
}

const NAMES: Readonly<Record<string, () => string>> = {
  " ": m.tools_key_space,
  Escape: () => "Esc",
  Delete: m.tools_key_delete,
  Backspace: m.tools_key_backspace,
  Home: m.tools_key_home,
  ArrowLeft: () => "←",
  ArrowRight: () => "→",
  ArrowUp: () => "↑",
  ArrowDown: () => "↓",
  PageUp: m.tools_key_page_up,
  PageDown: m.tools_key_page_down,
};

/** For people. */
export function written(chord: Chord): string {
  const [, control, shift, key] = /^(Ctrl\+)?(Shift\+)?(.+)$/s.exec(chord)!;
  const name = NAMES[key!]?.() ?? (key!.length === 1 ? key!.toUpperCase() : key!);
  return [control && m.tools_key_ctrl(), shift && m.tools_key_shift(), name].filter(Boolean).join(" + ");
}

/** For the attribute aria-keyshortcuts. */
export function spoken(chords: readonly Chord[]): string {
  const one = (chord: Chord) =>
    chord.replace("Ctrl+", "Control+").replace(/ $/, "Space").replace(/\+\+$/, "+Plus");
  return chords.map((chord) => (chord === "+" ? "Plus" : one(chord))).join(" ");
}

/** Which keys mean what. Immutable. */
export class Keymap {
  private readonly commands: ReadonlyMap<Chord, Command>;

  private constructor(private readonly keys: ReadonlyMap<Command, readonly Chord[]>) {
    this.commands = new Map(
      [...keys].flatMap(([command, chords]) => chords.map((chord) => [chord, command])),
    );
  }

  /** Later layers take keys away from earlier ones. */
  static of(...layers: readonly Bindings[]): Keymap {
    let keys = new Map<Command, readonly Chord[]>(ACTIONS.map((each) => [each.command, each.keys]));
    for (const layer of layers) {
      const taken = new Set(Object.values(layer).flat());
      keys = new Map(
        [...keys].map(([command, chords]) => [
          command,
          layer[command] ?? chords.filter((chord) => !taken.has(chord)),
        ]),
      );
    }
    return new Keymap(keys);
  }

  /** Null for keys that mean nothing. */
  commandOf(pressed: KeyInput): Command | null {
    const chord = chordOf(pressed);
    if (chord === null) return null;
    return this.commands.get(chord) ?? this.commands.get(digitChord(pressed) ?? chord) ?? null;
  }

  ownerOf(chord: Chord): Command | null {
    return this.commands.get(chord) ?? null;
  }

  /** In the order in which they are shown. */
  keysOf(command: Command): readonly Chord[] {
    return this.keys.get(command) ?? [];
  }

  /** The first of a command's keys, for a label; empty when it has none. */
  labelOf(command: Command): string {
    const [first] = this.keysOf(command);
    return first === undefined ? "" : written(first);
  }

  /** With all keys of a command, for a tooltip. */
  titled(label: string, command: Command): string {
    const keys = this.keysOf(command).map(written);
    return keys.length > 0 ? `${label} (${keys.join(", ")})` : label;
  }

  /** A text in which "{accept}" stands for that command's key; a command that has none is named. */
  inText(text: string): string {
    return text.replace(/\{(\w+)\}/g, (braced, name: string) => {
      const command = commandNamed(name);
      return command
        ? this.labelOf(command) || m.tools_command_quoted({ name: nameOfCommand(command) })
        : braced;
    });
  }
}

/** Whether a key belongs to what has the focus rather than to the page. */
export function belongsToControl(
  { key, ctrlKey, metaKey }: Pick<KeyInput, "key" | "ctrlKey" | "metaKey">,
  focused: { isEditable: boolean; isControl: boolean },
): boolean {
  return focused.isEditable || (focused.isControl && !ctrlKey && !metaKey && KEYS_OF_CONTROLS.has(key));
}

/** Shift and a digit of the upper row make a sign that differs from keyboard to keyboard. */
function digitChord({ code, shiftKey, ctrlKey, metaKey }: KeyInput): Chord | null {
  const digit = shiftKey && !ctrlKey && !metaKey ? /^Digit(\d)$/.exec(code ?? "")?.[1] : undefined;
  return digit === undefined ? null : `Shift+${digit}`;
}

/** What a key of another script gives: letters, sometimes two at once (Arabic B), signs above or below them, digits. */
const OTHER_SCRIPT = /^(?:(?!\p{Script=Latin})[\p{Letter}\p{Mark}]|(?![0-9])\p{Nd})+$/u;

/** What a key gives while an input method, of Chinese for example, waits for more. */
const TAKEN_BY_INPUT_METHOD = "Process";

/**
 * With a layout of another script (Russian, Greek, Hebrew, Arabic, Thai) a key counts by where it is; the letters of Latin layouts
 * (AZERTY, Dvorak) count as they are written on the key.
 */
function latinKey({ key, code = "" }: Pick<KeyInput, "key" | "code">): string {
  if (!OTHER_SCRIPT.test(key) && key !== TAKEN_BY_INPUT_METHOD) return key;
  const [, letter, digit] = /^(?:Key([A-Z])|Digit(\d))$/.exec(code) ?? [];
  return letter?.toLowerCase() ?? digit ?? SIGNS_BY_CODE[code] ?? key;
}

/** Where those layouts have letters, and Latin ones signs. */
const SIGNS_BY_CODE: Readonly<Record<string, string>> = {
  BracketLeft: "[",
  BracketRight: "]",
  Slash: "/",
  Minus: "-",
  Period: ".",
  Comma: ",",
  Semicolon: ";",
  Quote: "'",
  Equal: "=",
  Backquote: "`",
  Backslash: "\\",
};

/** One character that Shift does not only make large. */
const isSign = (key: string) => key.length === 1 && key !== " " && key.toLowerCase() === key.toUpperCase();

const nameOf = (key: string) => (key.length === 1 ? key.toLowerCase() : key);
