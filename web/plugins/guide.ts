import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Marked } from "marked";
import type { Plugin } from "vite";

const FOLDER = "guide"; // of the client's files, and of the documents
const INDEX = "README.md";
const STYLE = `:root { color-scheme: light dark; }
body { max-width: 62rem; margin: 0 auto; padding: 1rem 1.25rem 4rem; font: 1rem/1.55 system-ui, sans-serif; }
nav { display: flex; flex-wrap: wrap; gap: 0.25rem 1rem; padding: 0.75rem 0; border-bottom: 1px solid color-mix(in srgb, currentColor 25%, transparent); }
img { max-width: 100%; height: auto; border: 1px solid color-mix(in srgb, currentColor 25%, transparent); border-radius: 6px; }
table { display: block; max-width: 100%; overflow-x: auto; border-collapse: collapse; }
th, td { padding: 0.35rem 0.7rem; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); text-align: left; vertical-align: top; }
kbd { padding: 0.1rem 0.35rem; border: 1px solid color-mix(in srgb, currentColor 45%, transparent); border-radius: 4px; font: 0.85em ui-monospace, monospace; white-space: nowrap; }
pre { padding: 0.75rem 1rem; overflow-x: auto; border-radius: 6px; background: color-mix(in srgb, currentColor 8%, transparent); }
code { font: 0.9em ui-monospace, monospace; }
`;

/** One page of the guide, as the name of its file and its HTML or bytes. */
export interface GuideFile {
  readonly name: string;
  readonly source: string | Uint8Array;
}

const pageOf = (document: string) => (document === INDEX ? "index.html" : document.replace(/\.md$/, ".html"));
const escaped = (text: string) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");

/**
 * The guide as pages of the client: Markdown becomes HTML, with the pictures that it shows. Links to pages of the guide lead there;
 * what leads to other documents, which the client has not, is text.
 *
 * @param documents the folder `docs`
 */
export async function guideFiles(documents: string): Promise<GuideFile[]> {
  const folder = join(documents, FOLDER);
  const names = (await readdir(folder)).filter((name) => name.endsWith(".md")).sort();
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), "utf8")));
  const titles = texts.map((text, index) => /^# (.+)$/m.exec(text)?.[1] ?? names[index]!);
  const nav = names
    .map((name, index) => `<a href="${pageOf(name)}">${escaped(titles[index]!)}</a>`)
    .join("\n");
  const pictures = new Set<string>();
  const marked = new Marked({
    gfm: true,
    walkTokens(token) {
      if (token.type === "image") token.href = taken(token.href, pictures);
    },
    renderer: {
      link({ href, tokens }) {
        const text = this.parser.parseInline(tokens);
        const [document = "", anchor] = href.split("#");
        if (/^https?:/.test(href)) return `<a href="${escaped(href)}">${text}</a>`;
        if (!names.includes(document)) return text;
        return `<a href="${pageOf(document)}${anchor ? `#${anchor}` : ""}">${text}</a>`;
      },
      html({ text }) {
        return text.replace(/ src="([^"]+)"/g, (_, path: string) => ` src="${taken(path, pictures)}"`);
      },
    },
  });
  const pages = await Promise.all(
    texts.map(async (text, index) => ({
      name: `${FOLDER}/${pageOf(names[index]!)}`,
      source: pageHtml(titles[index]!, nav, await marked.parse(text)),
    })),
  );
  // A picture that has yet to be taken, of the very client that is built, is left out; tests miss it.
  const there = await readdir(join(documents, "images"));
  const shown = await Promise.all(
    there
      .filter((name) => pictures.has(name))
      .map(async (name) => ({
        name: `${FOLDER}/${name}`,
        source: await readFile(join(documents, "images", name)),
      })),
  );
  return [...pages, { name: `${FOLDER}/guide.css`, source: STYLE }, ...shown];
}

/** Pictures lie beside the pages. */
function taken(path: string, pictures: Set<string>): string {
  const name = path.replace(/^\.\.\/images\//, "");
  if (name.includes("/")) throw new Error(`The guide shows ${path}, which is not in docs/images.`);
  pictures.add(name);
  return name;
}

const pageHtml = (title: string, nav: string, body: string) => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<title>${escaped(title)} · Limner</title>
<link rel="stylesheet" href="guide.css" />
</head>
<body>
<nav aria-label="Guide">
${nav}
</nav>
<main>
${body}</main>
</body>
</html>
`;

/** Puts the guide beside the client, where the server shows it at /guide/. */
export function guide(documents: string): Plugin {
  return {
    name: "limner-guide",
    apply: "build",
    async generateBundle() {
      for (const { name, source } of await guideFiles(documents))
        this.emitFile({ type: "asset", fileName: name, source });
    },
  };
}
