import { Keymap } from "../../tools/keys.ts";
import { keysOfPreset } from "../annotate/presets.ts";
import { DEFAULTS, parseSettings, type ViewSettings } from "./view-settings.ts";

const KEY = "limner-view";

/** The settings of the view, kept in this browser. */
export class View {
  settings = $state.raw<ViewSettings>(parseSettings(localStorage.getItem(KEY)));
  readonly keymap = $derived(Keymap.of(keysOfPreset(this.settings.keys), this.settings.bindings));

  change(change: Partial<ViewSettings>): void {
    this.settings = { ...this.settings, ...change };
    localStorage.setItem(KEY, JSON.stringify(this.settings));
  }

  /** As it was at first; the keys stay. */
  reset(): void {
    const { keys, bindings } = this.settings;
    this.change({ ...DEFAULTS, keys, bindings });
  }
}
