import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ACTIONS, type Command } from "./actions/table.ts";
import { type Bindings, Keymap } from "./keys.ts";
import { keysOfPreset, PRESETS, type PresetName } from "./presets.ts";
import { clashOf, rebound, resetOne, without } from "./rebinding.ts";

const NONE: Bindings = {};
const keys = (own: Bindings, command: Command, preset = NONE) => Keymap.of(preset, own).keysOf(command);

describe("presets", () => {
  const names = Object.keys(PRESETS) as PresetName[];
  const cases = names.map((name) => [name] as const);

  it.each(cases)("%s has a key for every command, and no key twice", (name) => {
    const keymap = Keymap.of(keysOfPreset(name));
    const all = ACTIONS.map(({ command }) => keymap.keysOf(command));
    expect(ACTIONS.filter((_, index) => all[index]!.length === 0).map(({ command }) => command)).toEqual([]);
    expect(new Set(all.flat()).size).toBe(all.flat().length);
  });
});

describe("another key", () => {
  it("replaces or joins the old one", () => {
    const replaced = rebound(NONE, NONE, { command: "brush", from: "b", to: "y" });
    expect(keys(replaced, "brush")).toEqual(["y"]);
    expect(keys(rebound(NONE, replaced, { command: "brush", from: null, to: "b" }), "brush")).toEqual([
      "y",
      "b",
    ]);
    expect(keys(without(NONE, NONE, "accept", "n"), "accept")).toEqual(["Enter"]);
    expect(rebound(NONE, NONE, { command: "accept", from: "n", to: "Enter" })).toBe(NONE);
  });

  it("is swapped with the command that has it", () => {
    const change = { command: "brush", from: "b", to: "e" } as const;
    expect(clashOf(NONE, NONE, change)).toBe("eraser");
    const own = rebound(NONE, NONE, change);
    expect([keys(own, "brush"), keys(own, "eraser")]).toEqual([["e"], ["b"]]);
    expect(clashOf(NONE, own, { ...change, to: "b" })).toBe("eraser");
  });

  it("that joins is taken away from where it was", () => {
    const own = rebound(NONE, NONE, { command: "brush", from: null, to: "e" });
    expect([keys(own, "brush"), keys(own, "eraser")]).toEqual([["b", "e"], []]);
  });

  it("is forgotten together with what it was swapped for", () => {
    const swapped = rebound(NONE, NONE, { command: "brush", from: "b", to: "e" });
    expect(resetOne(NONE, swapped, "brush")).toEqual({});
    const other = rebound(NONE, swapped, { command: "fit", from: "Home", to: "y" });
    expect(resetOne(NONE, other, "eraser")).toEqual({ fit: ["y"] });
    const preset = keysOfPreset("cvat");
    const taken = rebound(preset, NONE, { command: "fill", from: "u", to: "f" });
    expect(keys(resetOne(preset, taken, "next"), "next", preset)).toEqual(["f", "ArrowRight"]);
  });
});

it("after any changes no key means two commands, and each command can be reset", () => {
  const commands = fc.constantFrom(...ACTIONS.map(({ command }) => command));
  const chords = fc.constantFrom("a", "b", "e", "y", "Enter", "n", "Ctrl+z", "d", "ArrowRight", "F2");
  const preset = fc.constantFrom(...Object.values(PRESETS).map((each): Bindings => each.keys));
  const changes = fc.array(fc.tuple(commands, chords, fc.boolean()), { maxLength: 20 });
  fc.assert(
    fc.property(preset, changes, commands, (base, wanted, command) => {
      const own = wanted.reduce<Bindings>((before, [each, to, adds]) => {
        const from = adds ? null : (keys(before, each, base)[0] ?? null);
        return rebound(base, before, { command: each, from, to });
      }, NONE);
      const all = ACTIONS.flatMap((each) => keys(own, each.command, base));
      expect(new Set(all).size).toBe(all.length);
      expect(keys(resetOne(base, own, command), command, base)).toEqual(keys(NONE, command, base));
    }),
  );
});
