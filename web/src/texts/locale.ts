/** Which language the page speaks: what the person chose, else the first one of the browser's that there is, else English. */
import { baseLocale, type Locale, locales } from "./generated/runtime.js";

export type { Locale };

/** Each under its own name, as whoever looks for it reads it. */
export const LANGUAGES: Readonly<Record<Locale, string>> = {
  en: "English",
  "zh-CN": "简体中文",
  de: "Deutsch",
};

export const isLocale = (value: unknown): value is Locale => (locales as readonly unknown[]).includes(value);

const primary = (tag: string) => tag.toLowerCase().split("-")[0];

/** The language for what a browser prefers, most wanted first. Swiss German is German; traditional Chinese is answered in simplified. */
export function preferredLocale(wanted: readonly string[]): Locale {
  for (const tag of wanted) {
    const found =
      locales.find((locale) => locale.toLowerCase() === tag.toLowerCase()) ??
      locales.find((locale) => primary(locale) === primary(tag));
    if (found) return found;
  }
  return baseLocale;
}

/** How dates and numbers are written: as in the browser's own region where it speaks this language, such as en-GB or de-CH. */
export const regionOf = (locale: Locale, wanted: readonly string[]): string =>
  wanted.find((tag) => primary(tag) === primary(locale)) ?? locale;

let current: Locale | null = null;
let region: string = baseLocale;

/** The language of the page. It does not change while the page stands: choosing another one loads it again. */
export function locale(): Locale {
  if (current === null)
    throw new Error("A text was asked for before the language is known: see messages/README.md.");
  return current;
}

/** The BCP 47 tag by which dates and numbers are written. */
export function formattingLocale(): string {
  locale();
  return region;
}

/** To be called before anything is shown, once the texts are loaded. */
export function speak(language: Locale, wanted: readonly string[]): void {
  current = language;
  region = regionOf(language, wanted);
}
