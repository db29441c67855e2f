/**
 * How things are shown, most of them on the annotate page, and how masks are drawn there. What is saved already never changes
 * by it. It stays with this browser.
 */

import { isLocale, type Locale } from "../texts/locale.ts";
import { type Command, commandNamed } from "../tools/actions/table.ts";
import type { Bindings } from "../tools/keys.ts";
import { PRESETS, type PresetName } from "../tools/presets.ts";

export const THEMES = ["system", "light", "dark"] as const;

export interface ViewSettings {
  /** Of the page's texts, dates and numbers. */
  readonly language: Locale | "browser";
  readonly theme: (typeof THEMES)[number];
  /** Of the fill of saved masks, 0 to 1. */
  readonly opacity: number;
  readonly outlineOnly: boolean;
  /** Whether what lies around the object being drawn is darkened. */
  readonly dim: boolean;
  readonly colouring: "category" | "instance";
  /** Whether the names of objects stand on them. */
  readonly labels: boolean;
  /** Factors; 1 shows the image as it is. */
  readonly brightness: number;
  readonly contrast: number;
  readonly gamma: number;
  readonly minimap: boolean;
  readonly crosshair: boolean;
  /** Whether the bars of what is drawn or selected lie at it; else in the column beside the image. */
  readonly barsAtObject: boolean;
  /** Whether an image that is as large as the one before is seen where that one was. */
  readonly keepZoom: boolean;
  /** Whether two fingers on a trackpad move the image; else they zoom, as a wheel does. */
  readonly padPans: boolean;
  /** Whether masks of clicks are drawn without parts that nobody clicked, and with their small holes closed. */
  readonly tidy: boolean;
  /** Of the column beside the image, in rem. */
  readonly sideWidth: number;
  /** Whether the list of categories is folded. */
  readonly foldCategories: boolean;
  /** Whether the panel of suggestions is folded. */
  readonly foldSuggestions: boolean;
  /** Whether to suggest going on after half a minute of work on one object. */
  readonly paceHint: boolean;
  /** Whether to ask before an image without masks is submitted. */
  readonly askEmpty: boolean;
  /** Whether the gallery's tiles show the masks of their images. */
  readonly tileMasks: boolean;
  /** Of the gallery's tiles; 1 is as wide as usual. */
  readonly tileSize: number;
  /** Whether the marks of the first image were read, done or sent away. */
  readonly coached: boolean;
  readonly keys: PresetName;
  /** Keys that the person chose instead of the preset's. */
  readonly bindings: Bindings;
}

export const DEFAULTS: ViewSettings = {
  language: "browser",
  theme: "system",
  opacity: 0.25,
  outlineOnly: false,
  dim: true,
  colouring: "category",
  labels: false,
  brightness: 1,
  contrast: 1,
  gamma: 1,
  minimap: true,
  crosshair: false,
  barsAtObject: true,
  keepZoom: false,
  padPans: true,
  tidy: true,
  sideWidth: 18,
  foldCategories: false,
  foldSuggestions: false,
  paceHint: true,
  askEmpty: true,
  tileMasks: true,
  tileSize: 1,
  coached: false,
  keys: "limner",
  bindings: {},
};

const RANGES = {
  opacity: [0, 1],
  brightness: [0.2, 3],
  contrast: [0.2, 3],
  gamma: [0.2, 4],
  sideWidth: [15, 40],
  tileSize: [0.5, 2],
} as const;
type Ranged = keyof typeof RANGES;

export const rangeOf = (name: Ranged): readonly [least: number, most: number] => RANGES[name];

/** What was saved, as far as it makes sense; defaults for the rest. */
export function parseSettings(text: string | null): ViewSettings {
  const saved = objectFrom(text);
  const settings: Record<string, unknown> = { ...DEFAULTS };
  for (const [name, usual] of Object.entries(DEFAULTS)) {
    const value = saved[name];
    if (typeof value === typeof usual && isInRange(name, value)) settings[name] = value;
  }
  if (!(THEMES as readonly unknown[]).includes(settings.theme)) settings.theme = DEFAULTS.theme;
  if (!isLocale(settings.language)) settings.language = DEFAULTS.language;
  if (settings.colouring !== "instance") settings.colouring = DEFAULTS.colouring;
  if (!Object.hasOwn(PRESETS, settings.keys as string)) settings.keys = DEFAULTS.keys;
  settings.bindings = parseBindings(saved.bindings);
  return settings as unknown as ViewSettings;
}

/** Commands that there are no longer, and what is no list of keys, are left out. */
function parseBindings(saved: unknown): Bindings {
  const bindings: Partial<Record<Command, readonly string[]>> = {};
  if (typeof saved !== "object" || saved === null) return bindings;
  for (const [command, keys] of Object.entries(saved)) {
    const isList = Array.isArray(keys) && keys.every((key) => typeof key === "string" && key !== "");
    const known = commandNamed(command);
    if (known && isList) bindings[known] = keys;
  }
  return bindings;
}

function isInRange(name: string, value: unknown): boolean {
  if (!(name in RANGES)) return true;
  const [least, most] = RANGES[name as Ranged];
  return typeof value === "number" && value >= least && value <= most;
}

function objectFrom(text: string | null): Record<string, unknown> {
  if (text === null) return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}
