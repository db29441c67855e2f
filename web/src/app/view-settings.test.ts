import { describe, expect, it } from "vitest";
import { DEFAULTS, parseSettings } from "./view-settings.ts";

describe("saved settings", () => {
  it("come back as they were", () => {
    const settings = {
      ...DEFAULTS,
      theme: "dark",
      opacity: 0,
      outlineOnly: true,
      colouring: "instance",
      gamma: 2,
      keys: "cvat",
      bindings: { brush: ["x", "Ctrl+b"], propagate: [] },
    };
    expect(parseSettings(JSON.stringify(settings))).toEqual(settings);
  });

  it.each([null, "", "no JSON", "null", "[]", "3"])("are the defaults for %j", (text) => {
    expect(parseSettings(text)).toEqual(DEFAULTS);
  });

  it("are the defaults where they make no sense", () => {
    const text = JSON.stringify({
      theme: "pink",
      opacity: 7,
      gamma: "2",
      brightness: null,
      colouring: "x",
      keys: "toString",
      bindings: { brush: "x", dance: ["y"], eraser: [3], box: [""] },
      more: 1,
    });
    expect(parseSettings(text)).toEqual(DEFAULTS);
  });
});
