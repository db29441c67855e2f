/**
 * All texts that people read, as functions: `m.app_language_label()`. They are made from `messages/`; see the README.md there.
 *
 * A text is asked for when it is shown, never while a module loads: the language is known only then. Only the language of the
 * page is loaded, and English, which is part of the page.
 */
import type * as Index from "./generated/messages/_index.js";
import * as english from "./generated/messages/en.js";
import { type Locale, locale } from "./locale.ts";

type Name = keyof typeof english;
type Catalogue = Readonly<Record<Name, (inputs: never) => string>>;

const loaded = new Map<Locale, Catalogue>([["en", english]]);
/** The other languages, each a file of its own. */
const OTHERS: Readonly<Record<Exclude<Locale, "en">, () => Promise<Catalogue>>> = {
  "zh-CN": () => import("./generated/messages/zh-CN.js"),
  de: () => import("./generated/messages/de.js"),
};

/** To be called, and waited for, before a language is spoken. */
export async function loadTexts(language: Locale): Promise<void> {
  if (language !== "en") loaded.set(language, await OTHERS[language]());
}

function text(name: Name): (inputs: never) => string {
  return (inputs) => {
    const catalogue = loaded.get(locale());
    if (!catalogue) throw new Error(`The texts of ${locale()} are not loaded.`);
    return catalogue[name](inputs);
  };
}

/** The text of each name in the language of the page. */
export const m = Object.fromEntries(
  (Object.keys(english) as Name[]).map((name) => [name, text(name)]),
) as unknown as typeof Index;

/** A table of texts, each of which is asked for when it is read. */
export function said<Key extends string>(
  texts: Readonly<Record<Key, () => string>>,
): Readonly<Record<Key, string>> {
  const table = {} as Record<Key, string>;
  for (const key of Object.keys(texts) as Key[]) {
    Object.defineProperty(table, key, { enumerable: true, get: () => texts[key]() });
  }
  return table;
}
