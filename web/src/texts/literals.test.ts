/** Texts for people are in messages/, not in components and modules. */
import { readdirSync, readFileSync } from "node:fs";
import { type AST, parse } from "svelte/compiler";
import { describe, expect, it } from "vitest";

/** Attributes of elements that are read by people. */
const SPOKEN = [
  "alt",
  "aria-description",
  "aria-label",
  "aria-roledescription",
  "aria-valuetext",
  "label",
  "placeholder",
  "title",
];
/** What is typed or sent as it stands is not translated. */
const UNTRANSLATED = ["code", "kbd"];

type Node = { readonly type: string; readonly [field: string]: unknown };
const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && typeof (value as Node).type === "string";
/** A word, other than the product's name; single letters are signs, such as those of coordinates. */
const hasLetters = (text: string) =>
  /\p{L}{2}/u.test(text.replaceAll(/&\w+;/g, "")) && text.trim() !== "Limner";
const isSentence = (text: string) => /^\p{Lu}/u.test(text) || /\p{L} /u.test(text);

/** The literal texts that an expression may come to. */
function textsOf(expression: unknown): string[] {
  if (!isNode(expression)) return [];
  switch (expression.type) {
    case "Literal":
      return typeof expression.value === "string" ? [expression.value] : [];
    case "TemplateLiteral":
      return [
        ...(expression.quasis as { value: { cooked: string } }[]).map(({ value }) => value.cooked),
        ...(expression.expressions as unknown[]).flatMap(textsOf),
      ];
    case "ConditionalExpression":
      return [...textsOf(expression.consequent), ...textsOf(expression.alternate)];
    case "LogicalExpression":
    case "BinaryExpression":
      return ["===", "!==", "<", ">"].includes(expression.operator as string)
        ? []
        : [...textsOf(expression.left), ...textsOf(expression.right)];
    default:
      return [];
  }
}

function textsOfAttribute(attribute: Node): string[] {
  const parts = Array.isArray(attribute.value) ? attribute.value : [attribute.value];
  return parts
    .filter(isNode)
    .flatMap((part) => (part.type === "Text" ? [part.data as string] : textsOf(part.expression)));
}

/** The literal texts of a component's template that somebody may read. */
function literalsIn(source: string): string[] {
  const found: string[] = [];
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) {
      for (const each of value) visit(each);
      return;
    }
    if (!isNode(value)) return;
    const name = value.name as string;
    if ((value.type === "RegularElement" || value.type === "Component") && UNTRANSLATED.includes(name))
      return;
    if (value.type === "Text") found.push(...[value.data as string].filter(hasLetters));
    if (value.type === "ExpressionTag") found.push(...textsOf(value.expression).filter(hasLetters));
    for (const attribute of ((value.attributes ?? []) as Node[]).filter(({ type }) => type === "Attribute")) {
      const texts = textsOfAttribute(attribute).filter(hasLetters);
      if (value.type === "Component") found.push(...texts.filter(isSentence));
      else if (SPOKEN.includes(attribute.name as string)) found.push(...texts);
    }
    for (const [field, child] of Object.entries(value)) {
      if (!["attributes", "expression", "metadata"].includes(field)) visit(child);
    }
  };
  visit((parse(source, { modern: true }) as AST.Root).fragment);
  return found;
}

const UI = new URL("../ui/", import.meta.url);
const components = readdirSync(UI, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".svelte"))
  .sort();

describe("the texts of the page", () => {
  it.each(components)("are not in %s", (name) => {
    expect(literalsIn(readFileSync(new URL(name, UI), "utf8"))).toEqual([]);
  });

  it.each([
    ["<p>Hello</p>", ["Hello"]],
    ['<p title="Hello {name}">5 %</p>', ["Hello "]],
    ["<p>{good ? 'Good' : 'Bad'} {m.hello()} {has('x y')}</p>", ["Good", "Bad"]],
    ['{#if open === "no"}<Dialog title="Open it" name="chip" />{/if}', ["Open it"]],
    ["<code>Authorization</code><style>p { color: red; }</style>", []],
  ])("are found in %s", (source, texts) => {
    expect(literalsIn(source)).toEqual(texts);
  });
});

/** Sentences and titles of several words that are no text for people: names of formats, tools and browsers, groups of actions, keys of the storage. */
const NAMES =
  /^(CVAT for images 1\.1|Images and view|Label Studio|Panoptic COCO|Pascal VOC|Samsung Internet|limner .*)$/;
const isText = (text: string) =>
  (/^[“„]?\p{Lu}[\p{L}’']* .*\p{L}{2}/u.test(text) || /\p{L}{2,} \p{L}+ \p{L}{2,}/u.test(text)) &&
  !NAMES.test(text.trim());

/** What looks like a sentence in a script, other than what errors of the program itself say. */
function sentencesIn(source: string): string[] {
  const found: string[] = [];
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) {
      for (const each of value) visit(each);
      return;
    }
    if (!isNode(value)) return;
    const made = isNode(value.callee) ? String(value.callee.name) : "";
    if (
      ["ImportDeclaration", "TSLiteralType", "ThrowStatement"].includes(value.type) ||
      made.endsWith("Error")
    )
      return;
    const text = value.type === "TemplateElement" ? (value.value as { cooked: string }).cooked : value.value;
    if (["Literal", "TemplateElement"].includes(value.type) && typeof text === "string" && isText(text))
      found.push(text);
    for (const [field, child] of Object.entries(value)) if (field !== "metadata") visit(child);
  };
  const { instance, module } = parse(source, { modern: true }) as AST.Root;
  visit(instance?.content);
  visit(module?.content);
  return found;
}

const SOURCES = new URL("../", import.meta.url);
/** Pure and worker modules speak to other modules, not to people. */
const NO_WORDS = /^(core|decoder|texts)\/|test|schema\.d\.ts/;
const scripts = readdirSync(SOURCES, { recursive: true, encoding: "utf8" })
  .filter((name) => /\.(ts|svelte)$/.test(name) && !NO_WORDS.test(name))
  .sort();

function sentencesOf(name: string): string[] {
  const source = readFileSync(new URL(name, SOURCES), "utf8");
  return sentencesIn(name.endsWith(".svelte") ? source : `<script lang="ts">\n${source}\n</script>`);
}

describe("the sentences of the page", () => {
  it("are in no script", () => {
    expect(scripts.filter((name) => sentencesOf(name).length > 0)).toEqual([]);
  });

  it.each([
    ['const a = "Drag a box around it.";', ["Drag a box around it."]],
    ['const a = done ? "Nothing was done here." : "";', ["Nothing was done here."]],
    ['throw new RangeError("There is no such mask."); const a = "ImageData";', []],
    ['import a from "of many words"; fail(new Error("It went wrong."));', []],
  ])("are found in %s", (script, texts) => {
    expect(sentencesIn(`<script lang="ts">${script}</script>`)).toEqual(texts);
  });
});
