import { expect, it } from "vitest";
import { type Label, laid } from "./labels.ts";

const label = (text: string, x: number, y: number, more: Partial<Label> = {}): Label => ({
  text,
  colour: "#ff0000",
  x,
  y,
  room: 50,
  meant: false,
  ...more,
});
const shown = (labels: readonly Label[], ratio = 1) =>
  laid(labels, (text) => text.length * 10 * ratio, ratio).map(({ text }) => text);

it("shows of names that would lie on each other that of the larger object", () => {
  expect(shown([label("cup", 10, 10), label("table", 20, 12, { room: 300 }), label("cat", 200, 10)])).toEqual(
    ["table", "cat"],
  );
});

it("leaves out what is lower than a name, but never what is meant", () => {
  const small = { room: 8 };
  expect(shown([label("ant", 10, 10, small), label("bee", 90, 10, { ...small, meant: true })])).toEqual([
    "bee",
  ]);
  expect(shown([label("cup", 10, 10), label("tea", 12, 10, { meant: true })])).toEqual(["tea"]);
});

it("needs as much of a fine screen as of a coarse one", () => {
  const [near, far] = [label("cup", 0, 0), label("tea", 50, 0)];
  expect(shown([near, far])).toEqual(["cup", "tea"]);
  expect(shown([near, far], 2)).toEqual(["cup"]);
});
