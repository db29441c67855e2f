import { describe, expect, it } from "vitest";
import { PRESETS, translated } from "../annotate/presets.ts";
import { DEFAULTS, parseSettings } from "./view-settings.ts";

describe("saved settings", () => {
  it("come back as they were", () => {
    const settings = {
      ...DEFAULTS,
      opacity: 0,
      outlineOnly: true,
      colouring: "instance",
      gamma: 2,
      keys: "cvat",
    };
    expect(parseSettings(JSON.stringify(settings))).toEqual(settings);
  });

  it.each([null, "", "no JSON", "null", "[]", "3"])("are the defaults for %j", (text) => {
    expect(parseSettings(text)).toEqual(DEFAULTS);
  });

  it("are the defaults where they make no sense", () => {
    const text = JSON.stringify({
      opacity: 7,
      gamma: "2",
      brightness: null,
      colouring: "x",
      keys: "toString",
      more: 1,
    });
    expect(parseSettings(text)).toEqual(DEFAULTS);
  });
});

describe("presets of keys", () => {
  const press = (key: string, more = {}) => {
    return { key, ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, ...more };
  };

  it("turn their keys into ours", () => {
    expect(translated("cvat", press("F"))).toMatchObject({ key: "ArrowRight", ctrlKey: false });
    expect(translated("labelme", press("f", { metaKey: true }))).toMatchObject({
      key: "Home",
      ctrlKey: false,
    });
    expect(translated("labelstudio", press("u"))).toMatchObject({ key: "Escape" });
  });

  it("leave all other keys alone", () => {
    expect(translated("limner", press("f"))).toBeNull();
    expect(translated("cvat", press("f", { altKey: true }))).toBeNull();
    expect(translated("cvat", press("f", { ctrlKey: true }))).toBeNull();
  });

  it("never mean a key that stands for another one", () => {
    for (const { keys } of Object.values(PRESETS)) {
      const theirs = new Set(Object.keys(keys));
      for (const ours of Object.values(keys)) expect(theirs).not.toContain(ours);
    }
  });
});
