import { Keymap } from "../tools/keys.ts";
import { keysOfPreset } from "../tools/presets.ts";
import { DEFAULTS, parseSettings, type ViewSettings } from "./view-settings.ts";

const KEY = "limner-view";

/** The settings of the view, kept in this browser. */
export class View {
  settings = $state.raw<ViewSettings>(parseSettings(localStorage.getItem(KEY)));
  readonly keymap = $derived(Keymap.of(keysOfPreset(this.settings.keys), this.settings.bindings));

  constructor() {
    this.#showTheme();
  }

  change(change: Partial<ViewSettings>): void {
    this.settings = { ...this.settings, ...change };
    localStorage.setItem(KEY, JSON.stringify(this.settings));
    this.#showTheme();
  }

  /** Loads the page again, in that language. */
  chooseLanguage(language: ViewSettings["language"]): void {
    this.change({ language });
    location.reload();
  }

  /** As it was at first; language, theme and keys stay, and what was read once does not come back. */
  reset(): void {
    const { language, theme, keys, bindings, coached } = this.settings;
    this.change({ ...DEFAULTS, language, theme, keys, bindings, coached });
  }

  /** The tokens follow: styles/tokens.css. */
  #showTheme(): void {
    document.documentElement.dataset.theme = this.settings.theme;
  }
}
