import { expect, it } from "vitest";
import type { Model } from "../api/types.ts";
import { aboutModel, figuresOf, inOrder, onlyBundled, pullText } from "./model-figures.ts";

const model = (name: string, more: Partial<Model> = {}) =>
  ({
    name,
    family: name,
    installed: false,
    bundled: false,
    bytes: null,
    download_bytes: null,
    pull: null,
    quality: {},
    ...more,
  }) as Model;
const pull = (done: number, total: number | null) => ({
  state: "pulling" as const,
  done,
  total,
  message: "",
  hint: "",
});

it.each([
  [pull(0, 2e6), "Waiting for the first bytes…"],
  [pull(1e6, 2e6), "1 MB of 2 MB"],
  [pull(1.5e6, null), "1.5 MB so far"],
  [pull(2e6, 2e6), "Checking and installing…"],
])("says of %j that it is at “%s”", (state, text) => {
  expect(pullText(state)).toBe(text);
});

it("lists what is installed first, then what is on its way, the smaller before the larger", () => {
  const models = [
    model("huge", { download_bytes: 9e9 }),
    model("unknown"),
    model("small", { download_bytes: 1e6 }),
    model("coming", { download_bytes: 5e9, pull: pull(1, 5e9) }),
    model("here", { installed: true, bytes: 3e6 }),
  ];
  expect(inOrder(models).map(({ name }) => name)).toEqual(["here", "coming", "small", "huge", "unknown"]);
});

it("knows whether there is nothing yet but what came with Limner", () => {
  const samlet = model("samlet", { installed: true, bundled: true });
  expect(onlyBundled([samlet, model("sam_vit_b")])).toBe(true);
  expect(onlyBundled([samlet, model("mine", { installed: true })])).toBe(false);
});

it("says nothing of a family about weights that somebody made", () => {
  expect(aboutModel(model("samlet", { installed: true, bundled: true }))).toContain("needs no network");
  expect(aboutModel(model("mine", { family: "samlet", installed: true }))).toBe("");
});

it("shows what was measured as numbers and words, and nothing nested", () => {
  expect(
    figuresOf(model("mine", { quality: { "1 click": 0.7, photos: "Coins", differences: { mean: 1 } } })),
  ).toEqual([
    ["1 click", 0.7],
    ["photos", "Coins"],
  ]);
});
