/** The language of the page, from the settings of the view and from the browser. */
import { LANGUAGES, type Locale, preferredLocale, speak } from "../texts/locale.ts";
import type { ViewSettings } from "./view-settings.ts";

export const BROWSERS = "browser";

export const CHOICES: readonly ViewSettings["language"][] = [
  BROWSERS,
  ...(Object.keys(LANGUAGES) as Locale[]),
];

/** Sets the language of the page; to be called before anything is shown. */
export function speakAsChosen(settings: ViewSettings): void {
  const wanted = navigator.languages;
  const language = settings.language === BROWSERS ? preferredLocale(wanted) : settings.language;
  speak(language, wanted);
  document.documentElement.lang = language;
}
