/** The guide as the server shows it: made of docs/guide when the client is built. */
import { describe, expect, it } from "vitest";
import { guideFiles } from "../../plugins/guide.ts";
import { guidePath } from "./paths.ts";

const DOCUMENTS = new URL("../../../docs", import.meta.url).pathname;
const files = await guideFiles(DOCUMENTS);
const pages = files.filter(({ name }) => name.endsWith(".html"));
const names = files.map(({ name }) => name.replace("guide/", ""));

describe("the pages of the guide", () => {
  it("are there for everybody, and the one that the page links to", () => {
    for (const name of [
      "index",
      "three-minutes",
      "annotator",
      "reviewer",
      "manager",
      "administrator",
      "keys",
    ])
      expect(names).toContain(`${name}.html`);
    expect(names.map((name) => `/guide/${name}`)).toContain(guidePath);
  });

  it.each(pages.map(({ name, source }) => ({ name, html: String(source) })))(
    "lead to and show only what is beside them: $name",
    ({ html }) => {
      const named = [...html.matchAll(/ (?:href|src)="(?!https?:)([^"#]+)/g)].map(([, path]) => path!);
      expect(named.length).toBeGreaterThan(5);
      expect(named.filter((path) => !names.includes(path))).toEqual([]);
      expect(html).toMatch(/<h1>.+<\/h1>/);
      expect(html).not.toMatch(/\]\(|\*\*|&lt;kbd/); // nothing is left as Markdown
    },
  );
});
