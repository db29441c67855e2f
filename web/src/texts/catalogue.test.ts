/** All languages say the same things: the same keys in the same files, with the same placeholders. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import settings from "../../project.inlang/settings.json" with { type: "json" };
import { LANGUAGES } from "./locale.ts";

type Message = string | readonly Variants[];
type Variants = {
  readonly declarations: readonly string[];
  readonly selectors: readonly string[];
  readonly match: Readonly<Record<string, string>>;
};

const MESSAGES = new URL("../../messages/", import.meta.url);
const languages = readdirSync(MESSAGES, { withFileTypes: true }).filter((entry) => entry.isDirectory());
const filesOf = (locale: string) => readdirSync(new URL(`${locale}/`, MESSAGES)).sort();
const messagesOf = (locale: string, file: string): Record<string, Message> =>
  JSON.parse(readFileSync(new URL(`${locale}/${file}`, MESSAGES), "utf8"));

const textsOf = (message: Message): string[] =>
  typeof message === "string" ? [message] : message.flatMap(({ match }) => Object.values(match));
const placeholders = (text: string) => [...text.matchAll(/(?<!\\)\{([^}]+)\}/g)].map(([, name]) => name!);

/** What a message must be given. */
function inputsOf(message: Message): string[] {
  const named =
    typeof message === "string" ? placeholders(message) : message.flatMap(({ declarations }) => declarations);
  const inputs = typeof message === "string" ? named : named.filter((each) => each.startsWith("input "));
  return [...new Set(inputs.map((each) => each.replace("input ", "")))].sort();
}

/** Names in a message that come from nowhere. */
function unknownIn(message: Message): string[] {
  if (typeof message === "string") return [];
  return message.flatMap(({ declarations, match }) => {
    const known = declarations.map((each) => each.split(" ")[1]);
    return Object.values(match)
      .flatMap(placeholders)
      .filter((name) => !known.includes(name));
  });
}

const english = filesOf("en").flatMap((file) =>
  Object.entries(messagesOf("en", file)).map(([key, message]) => ({ file, key, message })),
);

describe("the catalogue", () => {
  it("has the languages that the page offers", () => {
    const names = languages.map(({ name }) => name).sort();
    expect(names).toEqual([...settings.locales].sort());
    expect(names).toEqual(Object.keys(LANGUAGES).sort());
  });

  it("has the files that the settings name", () => {
    const named = settings["plugin.inlang.messageFormat"].pathPattern;
    expect(named.toSorted()).toEqual(filesOf("en").map((file) => `./messages/{locale}/${file}`));
  });

  it("names each message once, after its file", () => {
    const keys = english.map(({ key }) => key);
    expect(keys.filter((key, place) => keys.indexOf(key) !== place)).toEqual([]);
    expect(english.filter(({ key, file }) => !key.startsWith(`${file.replace(".json", "")}_`))).toEqual([]);
    expect(keys.filter((key) => !/^[a-z][a-z0-9_]*$/.test(key))).toEqual([]);
  });

  it("says something in every message, and knows what it speaks of", () => {
    for (const { name: locale } of languages) {
      for (const [key, message] of filesOf(locale).flatMap((file) =>
        Object.entries(messagesOf(locale, file)),
      )) {
        expect(
          textsOf(message).filter((text) => text.trim() === ""),
          `${locale}: ${key}`,
        ).toEqual([]);
        expect(unknownIn(message), `${locale}: ${key}`).toEqual([]);
      }
    }
  });

  it.each(Object.keys(LANGUAGES).filter((locale) => locale !== "en"))(
    "has all messages in %s, with the same placeholders",
    (locale) => {
      expect(filesOf(locale)).toEqual(filesOf("en"));
      for (const file of filesOf("en")) {
        const [here, there] = [messagesOf("en", file), messagesOf(locale, file)];
        expect(Object.keys(there).sort(), file).toEqual(Object.keys(here).sort());
        for (const [key, message] of Object.entries(here)) {
          expect(inputsOf(there[key]!), `${locale}: ${key}`).toEqual(inputsOf(message));
        }
      }
    },
  );
});
