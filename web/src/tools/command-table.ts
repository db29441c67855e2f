/** Everything that keys do on the annotate page, with the keys that do it unless somebody chose others. */

export const GROUPS = ["Drawing", "Tools", "Clean-up", "Objects", "Images and view"] as const;
export type Group = (typeof GROUPS)[number];

const TABLE = [
  ["Drawing", "cycle", "Next of the suggested masks", ["Tab"]],
  ["Drawing", "cycleBack", "Previous of the suggested masks", ["Shift+Tab"]],
  ["Drawing", "accept", "Accept the mask; with a selected object: go on drawing it", ["Enter", "n"]],
  ["Drawing", "drop", "Drop the mask; unselect", ["Escape"]],
  ["Drawing", "removeLastPrompt", "Remove the last prompt", ["Backspace"]],
  ["Drawing", "undo", "Undo", ["Ctrl+z"]],
  ["Drawing", "redo", "Redo", ["Ctrl+Shift+z", "Ctrl+y"]],
  ["Drawing", "foregroundHere", "Foreground point where the keyboard points", ["+"]],
  ["Drawing", "backgroundHere", "Background point where the keyboard points", ["-"]],

  ["Tools", "points", "Points", ["q"]],
  ["Tools", "box", "Box", ["w"]],
  ["Tools", "brush", "Brush", ["b"]],
  ["Tools", "eraser", "Eraser", ["e"]],
  ["Tools", "polygon", "Polygon", ["p"]],
  ["Tools", "fill", "Fill a hole", ["f"]],
  ["Tools", "vertices", "Move corners", ["v"]],
  ["Tools", "smaller", "Smaller brush", ["["]],
  ["Tools", "larger", "Larger brush", ["]"]],
  ["Tools", "muchSmaller", "Much smaller brush", ["{"]],
  ["Tools", "muchLarger", "Much larger brush", ["}"]],

  ["Clean-up", "fillHoles", "Fill all small holes", ["Shift+f"]],
  ["Clean-up", "dropIslands", "Drop all small parts", ["Shift+d"]],
  ["Clean-up", "grow", "Grow the mask", ["g"]],
  ["Clean-up", "shrink", "Shrink the mask", ["s"]],
  ["Clean-up", "smooth", "Smooth the mask", ["m"]],

  ["Objects", "selectAll", "Select all objects", ["Ctrl+a"]],
  ["Objects", "copy", "Copy the selected objects", ["Ctrl+c"]],
  ["Objects", "paste", "Paste, here or on another image", ["Ctrl+v"]],
  ["Objects", "duplicate", "Duplicate the selected objects", ["Ctrl+d"]],
  ["Objects", "carry", "Find the selected objects on the next image", ["Ctrl+b"]],
  ["Objects", "remove", "Delete the selected objects", ["Delete"]],
  ["Objects", "hide", "Hide or show the selected objects; without any: all", ["h"]],
  ["Objects", "lock", "Lock or unlock the selected objects", ["l"]],
  ["Objects", "raise", "Down the list: paint the selected object above the next", ["Ctrl+ArrowDown"]],
  ["Objects", "lower", "Up the list: paint the selected object below the one before", ["Ctrl+ArrowUp"]],
  ["Objects", "category0", "Category 1", ["1"]],
  ["Objects", "category1", "Category 2", ["2"]],
  ["Objects", "category2", "Category 3", ["3"]],
  ["Objects", "category3", "Category 4", ["4"]],
  ["Objects", "category4", "Category 5", ["5"]],
  ["Objects", "category5", "Category 6", ["6"]],
  ["Objects", "category6", "Category 7", ["7"]],
  ["Objects", "category7", "Category 8", ["8"]],
  ["Objects", "category8", "Category 9", ["9"]],
  ["Objects", "category9", "Category 10", ["0"]],

  ["Images and view", "next", "Next image", ["d", "ArrowRight"]],
  ["Images and view", "previous", "Previous image", ["a", "ArrowLeft"]],
  ["Images and view", "submit", "Submit the image, go on to the next one that waits", ["Ctrl+Enter"]],
  ["Images and view", "skip", "Skip the image, and say why", ["Ctrl+Shift+Enter"]],
  ["Images and view", "nextWaiting", "Next image that waits", ["Shift+n"]],
  ["Images and view", "fit", "Fit the image", ["Home"]],
  ["Images and view", "zoomIn", "Zoom in", ["PageUp"]],
  ["Images and view", "zoomOut", "Zoom out", ["PageDown"]],
  ["Images and view", "closer", "Look closer at what is seen; again: the whole image", ["c"]],
  ["Images and view", "peek", "Hold: the image without masks", ["t"]],
  ["Images and view", "pan", "Hold and drag: move the image", [" "]],
  ["Images and view", "saving", "Ask whether everything is saved", ["Ctrl+s"]],
  ["Images and view", "sheet", "This sheet", ["?"]],
] as const satisfies readonly (readonly [Group, string, string, readonly string[]])[];

export type Command = (typeof TABLE)[number][1];

export interface CommandInfo {
  readonly group: Group;
  readonly command: Command;
  readonly does: string;
  readonly keys: readonly string[];
}

export const COMMANDS: readonly CommandInfo[] = TABLE.map(([group, command, does, keys]) => ({
  group,
  command,
  does,
  keys,
}));

const NAMES: ReadonlyMap<string, string> = new Map(COMMANDS.map(({ command, does }) => [command, does]));

export const isCommand = (name: string): name is Command => NAMES.has(name);
export const nameOfCommand = (command: Command): string => NAMES.get(command)!;

/** What hands and fingers do; these stay as they are. */
export const GESTURES: readonly { readonly hand: string; readonly does: string }[] = [
  { hand: "Click or tap", does: "Foreground point; on a marker: remove it" },
  { hand: "Right, Shift or Alt + click; long press", does: "Background point" },
  { hand: "Drag", does: "Box; on a marker: move it" },
  { hand: "Ctrl + click, double click", does: "Select a saved object, go on drawing it" },
  { hand: "Alt, Ctrl or right (hold)", does: "Brush takes away; polygon cuts out; fill drops a part" },
  { hand: "Shift + click", does: "With brush or eraser: straight stroke from the last one" },
  { hand: "Wheel, pinch", does: "Zoom at the cursor" },
  { hand: "Middle drag, two fingers", does: "Move the image" },
  { hand: "Pen", does: "Its pressure scales the brush, its other end erases; a palm beside it does nothing" },
  { hand: "Shift + arrows", does: "Point with the keyboard; with Ctrl pixel by pixel" },
];
