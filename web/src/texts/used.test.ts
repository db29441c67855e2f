/** Each message is read somewhere: what nobody reads is not translated. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

const read = (folder: URL, ending: RegExp) =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => ending.test(name))
    .map((name) => readFileSync(new URL(name, folder), "utf8"));

it("has no message that the page does not use", () => {
  const page = read(new URL("../", import.meta.url), /(?<!\.test)(?<!\.d)\.(ts|svelte)$/).join("\n");
  const used = new Set([...page.matchAll(/\bm\.([a-z][a-z0-9_]*)/g)].map(([, key]) => key));
  const keys = read(new URL("../../messages/en/", import.meta.url), /\.json$/).flatMap((text) =>
    Object.keys(JSON.parse(text)),
  );
  expect(keys.filter((key) => !used.has(key))).toEqual([]);
});
