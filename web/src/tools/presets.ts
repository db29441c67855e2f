/**
 * Keys for hands that know another tool, as far as Limner has what they mean there. Where a key of theirs takes one of ours
 * away, the preset gives ours another one. Taken from the tools' own defaults: CVAT's registered shortcuts, labelme's
 * default_config.yaml, Label Studio's keymap.json and image toolbar.
 */

import type { Bindings } from "./keys.ts";

export interface Preset {
  readonly title: string;
  readonly keys: Bindings;
}

export const PRESETS = {
  limner: { title: "Limner", keys: {} },
  cvat: {
    title: "CVAT",
    keys: {
      next: ["f", "ArrowRight"],
      previous: ["d", "ArrowLeft"],
      accept: ["n", "Enter"],
      brush: ["Shift+1", "b"],
      eraser: ["Shift+2", "e"],
      polygon: ["Shift+3", "p"],
      sheet: ["F1", "?"],
      fill: ["u"],
    },
  },
  labelme: {
    title: "labelme",
    keys: {
      next: ["d", "Ctrl+Shift+d", "ArrowRight"],
      previous: ["a", "Ctrl+Shift+a", "ArrowLeft"],
      box: ["Ctrl+r", "w"],
      vertices: ["Ctrl+j", "v"],
      fit: ["Ctrl+f", "Home"],
      zoomIn: ["Ctrl++", "Ctrl+=", "PageUp"],
      zoomOut: ["Ctrl+-", "PageDown"],
    },
  },
  labelstudio: {
    title: "Label Studio",
    keys: {
      box: ["r", "w"],
      correct: ["Shift+r"],
      points: ["k", "q"],
      drop: ["u", "Escape"],
      next: ["Ctrl+ArrowRight", "d", "ArrowRight"],
      previous: ["Ctrl+ArrowLeft", "a", "ArrowLeft"],
      remove: ["Backspace", "Delete"],
      removeLastPrompt: ["Shift+Backspace"],
    },
  },
} as const satisfies Record<string, Preset>;

export type PresetName = keyof typeof PRESETS;

export const keysOfPreset = (name: PresetName): Bindings => PRESETS[name].keys;
