/**
 * Keys for hands that know another tool. A preset says which of Limner's keys one of theirs stands for; all others mean what
 * they always mean. Where a key of theirs takes one of ours away, ours is found at `?` under its other name.
 */

export interface Preset {
  readonly title: string;
  /** Their key -> ours, as KeyboardEvent names them, after "Ctrl+" and "Shift+". */
  readonly keys: Readonly<Record<string, string>>;
}

export const PRESETS = {
  limner: { title: "Limner", keys: {} },
  // F and D walk through the images.
  cvat: { title: "CVAT", keys: { f: "ArrowRight", d: "ArrowLeft" } },
  // D and A walk as they do here; Ctrl+J edits corners, Ctrl+R draws a box, Ctrl+F fits.
  labelme: { title: "labelme", keys: { "Ctrl+j": "v", "Ctrl+r": "w", "Ctrl+f": "Home" } },
  // R draws a box, K a point; U unselects.
  labelstudio: { title: "Label Studio", keys: { r: "w", k: "q", u: "Escape" } },
} as const satisfies Record<string, Preset>;

export type PresetName = keyof typeof PRESETS;

interface Keys {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly shiftKey: boolean;
  readonly altKey: boolean;
}

/** The event that Limner's own key would have caused; null where the preset has nothing to say about this one. */
export function translated(preset: PresetName, pressed: Keys): KeyboardEventInit | null {
  const { keys }: Preset = PRESETS[preset];
  if (pressed.altKey) return null;
  const name = pressed.key.length === 1 ? pressed.key.toLowerCase() : pressed.key;
  const control = pressed.ctrlKey || pressed.metaKey;
  const ours = keys[`${control ? "Ctrl+" : ""}${pressed.shiftKey ? "Shift+" : ""}${name}`];
  if (ours === undefined) return null;
  const parts = ours.split("+");
  return { key: parts.at(-1)!, ctrlKey: parts.includes("Ctrl"), shiftKey: parts.includes("Shift") };
}
