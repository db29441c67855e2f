/** The language of the page, from the settings of the view and from the browser. */
import { LANGUAGES, type Locale, preferredLocale, speak } from "../texts/locale.ts";
import { loadTexts } from "../texts/messages.ts";
import type { ViewSettings } from "./view-settings.ts";

export const BROWSERS = "browser";

export const CHOICES: readonly ViewSettings["language"][] = [
  BROWSERS,
  ...(Object.keys(LANGUAGES) as Locale[]),
];

/**
 * Loads and sets the language of the page; to be waited for before anything is shown. English stands in for one that does not
 * load, since the connection broke or the server has a newer page.
 */
export async function speakAsChosen(settings: ViewSettings, fail: (error: unknown) => void): Promise<void> {
  const wanted = navigator.languages;
  let language = settings.language === BROWSERS ? preferredLocale(wanted) : settings.language;
  try {
    await loadTexts(language);
  } catch (error) {
    language = "en";
    fail(error);
  }
  speak(language, wanted);
  document.documentElement.lang = language;
}
