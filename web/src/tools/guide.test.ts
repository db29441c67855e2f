/** The guide (docs/guide) names keys and buttons as they are. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { GROUP_NAMES, GROUPS } from "./actions/action.ts";
import { ACTIONS, actionOf, commandNamed } from "./actions/table.ts";
import { GESTURES } from "./gestures.ts";
import { written } from "./keys.ts";

const GUIDE = new URL("../../../docs/guide/", import.meta.url);
const ENGLISH = new URL("../../messages/en/", import.meta.url);
const ALL_KEYS = "keys.md";

/** Keys that belong to one page and not to the table of actions: the verification grid's, and those of settling. */
const KEYS_OF_PAGES = ["R", "W", "F", "U", "A", "E", "0", "9"];
/** What stands on the page without being a text of it. */
const NOT_TEXTS = ["bold", "Demo"];

const pages = readdirSync(GUIDE)
  .filter((name) => name.endsWith(".md") && name !== ALL_KEYS)
  .map((name) => ({ name, text: readFileSync(new URL(name, GUIDE), "utf8") }));

type Message = string | readonly { readonly match: Readonly<Record<string, string>> }[];
const english = readdirSync(ENGLISH)
  .flatMap((name) =>
    Object.values<Message>(JSON.parse(readFileSync(new URL(name, ENGLISH), "utf8"))).flatMap((message) =>
      typeof message === "string" ? [message] : message.flatMap(({ match }) => Object.values(match)),
    ),
  )
  .map((text) => text.replaceAll("\\{", "{"));
const exact = new Set(english);
/** Texts with what stands in for a number or a name cut out, as the guide writes them: "Review", "Prepare … now". */
const shortened = new Set(english.map((text) => text.replace(/\{\w+\}/g, "…").replace(/^… | …$/g, "")));

function keysPage(): string {
  const cell = (text: string) => text.replaceAll("|", "\\|");
  const keys = (chords: readonly string[]) =>
    chords.map((chord) => `<kbd>${cell(written(chord))}</kbd>`).join(", ");
  const table = (title: string, rows: readonly (readonly [string, string])[]) =>
    [
      `## ${title}`,
      "",
      "| | |",
      "|---|---|",
      ...rows.map((row) => `| ${row.map(cell).join(" | ")} |`),
      "",
    ].join("\n");
  return [
    "<!-- Written by `npx vitest run -u src/tools/guide.test.ts` from the table of actions. -->",
    "# All keys",
    "",
    "Cmd is as good as Ctrl. The sheet of keys in Limner (<kbd>?</kbd>) searches them, changes them, and has those of CVAT, labelme and Label Studio.",
    "",
    table(
      "Mouse, pen and touch",
      GESTURES.map(({ hand, does }) => [hand(), does()]),
    ),
    ...GROUPS.map((group) =>
      table(
        GROUP_NAMES[group](),
        ACTIONS.filter((each) => each.group === group).map((each) => [keys(each.keys), each.does()]),
      ),
    ),
  ].join("\n");
}

describe("the guide", () => {
  it("has a page of all keys that is made from the table of actions", async () => {
    await expect(keysPage()).toMatchFileSnapshot(new URL(ALL_KEYS, GUIDE).pathname);
  });

  it.each(pages)("names each key in $name after the command that it is bound to", ({ text }) => {
    const wrong = [...text.matchAll(/<kbd title="(\w+)">([^<]+)<\/kbd>/g)].filter(([, name, key]) => {
      const command = commandNamed(name!);
      return command === null || !actionOf(command).keys.map(written).includes(key!);
    });
    expect(wrong.map(([whole]) => whole)).toEqual([]);
    const bare = [...text.matchAll(/<kbd>([^<]+)<\/kbd>/g)].map(([, key]) => key);
    expect(bare.filter((key) => !KEYS_OF_PAGES.includes(key!))).toEqual([]);
  });

  it.each(pages)("writes what stands on the page in $name as the page does", ({ text }) => {
    const bold = [...text.matchAll(/\*\*([^*]+)\*\*/g)].map(([, words]) => words!);
    expect(
      bold.filter(
        (words) => ![exact, shortened].some((texts) => texts.has(words)) && !NOT_TEXTS.includes(words),
      ),
    ).toEqual([]);
  });

  it("has each of its pages in its table", () => {
    const index = pages.find(({ name }) => name === "README.md")!.text;
    const named = [...index.matchAll(/\]\(([\w-]+\.md)\)/g)].map(([, name]) => name);
    expect(named.toSorted()).toEqual(
      [ALL_KEYS, ...pages.map(({ name }) => name)].filter((name) => name !== "README.md").toSorted(),
    );
  });
});
