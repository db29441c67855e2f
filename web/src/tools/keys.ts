/** The keyboard: which key means what, in one table that the help sheet shows too. */

export type Command =
  | "cycle"
  | "cycleBack"
  | "accept"
  | "drop"
  | "removeLastPrompt"
  | "undo"
  | "redo"
  | "delete"
  | "fit"
  | "hide"
  | "lock"
  | "points"
  | "box"
  | "brush"
  | "eraser"
  | "polygon"
  | "fill"
  | "vertices"
  | "smaller"
  | "larger"
  | "muchSmaller"
  | "muchLarger"
  | `category${number}`;

/** The parts of a KeyboardEvent that matter. */
export interface KeyInput {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly shiftKey: boolean;
  readonly altKey: boolean;
}

interface Binding {
  /** As KeyboardEvent names them, after "Ctrl+" and "Shift+"; Cmd counts as Ctrl. */
  readonly keys: readonly string[];
  readonly command: Command;
}

const BINDINGS: readonly Binding[] = [
  { keys: ["Tab"], command: "cycle" },
  { keys: ["Shift+Tab"], command: "cycleBack" },
  { keys: ["Enter", "n"], command: "accept" },
  { keys: ["Escape"], command: "drop" },
  { keys: ["Backspace"], command: "removeLastPrompt" },
  { keys: ["Ctrl+z"], command: "undo" },
  { keys: ["Ctrl+Shift+z", "Ctrl+y"], command: "redo" },
  { keys: ["Delete"], command: "delete" },
  { keys: ["Home"], command: "fit" },
  { keys: ["h"], command: "hide" },
  { keys: ["l"], command: "lock" },
  { keys: ["q"], command: "points" },
  { keys: ["w"], command: "box" },
  { keys: ["b"], command: "brush" },
  { keys: ["e"], command: "eraser" },
  { keys: ["p"], command: "polygon" },
  { keys: ["f"], command: "fill" },
  { keys: ["v"], command: "vertices" },
  { keys: ["["], command: "smaller" },
  { keys: ["]"], command: "larger" },
  { keys: ["Shift+[", "Shift+{"], command: "muchSmaller" },
  { keys: ["Shift+]", "Shift+}"], command: "muchLarger" },
  ...Array.from(
    { length: 10 },
    (_, index): Binding => ({
      keys: [String((index + 1) % 10)],
      command: `category${index}`,
    }),
  ),
];

const COMMANDS: ReadonlyMap<string, Command> = new Map(
  BINDINGS.flatMap(({ keys, command }) => keys.map((key) => [key, command] as const)),
);

/** Keys that a focused button or link needs for itself. */
const KEYS_OF_CONTROLS: ReadonlySet<string> = new Set(["Tab", "Enter", " "]);

/** For the help sheet, in the order of a mask's life. Mouse first, as hands know it. */
export const HELP: readonly { readonly keys: string; readonly does: string }[] = [
  { keys: "Click", does: "Foreground point; on a marker: remove it" },
  { keys: "Right, Shift or Alt + click", does: "Background point" },
  { keys: "Drag", does: "Box; on a marker: move it" },
  { keys: "Ctrl + click, double click", does: "Select a saved object, go on drawing it" },
  { keys: "Wheel", does: "Zoom at the cursor" },
  { keys: "Space + drag, middle drag", does: "Move the image" },
  { keys: "Q, W", does: "Points, box" },
  { keys: "B, E", does: "Brush, eraser" },
  { keys: "Alt, Ctrl or right (hold)", does: "Brush takes away; polygon cuts out; fill drops a part" },
  { keys: "Shift + click", does: "With brush or eraser: straight stroke from the last one" },
  { keys: "[, ]", does: "Brush smaller, larger; with Shift in big steps" },
  { keys: "P, F, V", does: "Polygon, fill a hole, move corners" },
  { keys: "Tab, Shift + Tab", does: "Next or previous of the suggested masks" },
  { keys: "Enter, N", does: "Accept the mask; with a selected object: go on drawing it" },
  { keys: "Esc", does: "Drop the mask" },
  { keys: "Backspace", does: "Remove the last prompt" },
  { keys: "Ctrl + Z, Ctrl + Shift + Z", does: "Undo, redo" },
  { keys: "1 – 9, 0", does: "Category" },
  { keys: "Delete", does: "Delete the selected object" },
  { keys: "H, L", does: "Hide, lock the selected object (H without one: all)" },
  { keys: "T (hold)", does: "The image without masks" },
  { keys: "Home", does: "Fit the image" },
];

/** Null for a key that means nothing here. */
export function commandOf({ key, ctrlKey, metaKey, shiftKey, altKey }: KeyInput): Command | null {
  if (altKey) return null;
  const name = key.length === 1 ? key.toLowerCase() : key;
  const modifiers = `${ctrlKey || metaKey ? "Ctrl+" : ""}${shiftKey ? "Shift+" : ""}`;
  return COMMANDS.get(modifiers + name) ?? null;
}

/** Whether a key belongs to what has the focus rather than to the stage. */
export function belongsToControl(key: string, focused: { isEditable: boolean; isControl: boolean }): boolean {
  return focused.isEditable || (focused.isControl && KEYS_OF_CONTROLS.has(key));
}
