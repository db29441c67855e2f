/**
 * All texts that people read, as functions: `m.app_language_label()`. They are made from `messages/`; see the README.md there.
 *
 * A text is asked for when it is shown, never while a module loads: the language is known only then.
 */
export * as m from "./generated/messages/_index.js";

/** A table of texts, each of which is asked for when it is read. */
export function said<Name extends string>(
  texts: Readonly<Record<Name, () => string>>,
): Readonly<Record<Name, string>> {
  const table = {} as Record<Name, string>;
  for (const name of Object.keys(texts) as Name[]) {
    Object.defineProperty(table, name, { enumerable: true, get: () => texts[name]() });
  }
  return table;
}
