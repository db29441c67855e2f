/** Texts for people are in messages/, not in the components. */
import { readdirSync, readFileSync } from "node:fs";
import { type AST, parse } from "svelte/compiler";
import { describe, expect, it } from "vitest";
import { TO_CONVERT } from "./to-convert.test-support.ts";

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
  it.each(components.filter((name) => !TO_CONVERT.includes(name)))("are not in %s", (name) => {
    expect(literalsIn(readFileSync(new URL(name, UI), "utf8"))).toEqual([]);
  });

  it("are still in the components that wait to be converted, and in no others", () => {
    const unconverted = components.filter(
      (name) => literalsIn(readFileSync(new URL(name, UI), "utf8")).length > 0,
    );
    expect(TO_CONVERT.filter((name) => !unconverted.includes(name))).toEqual([]);
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
