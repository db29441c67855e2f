import { afterEach, describe, expect, it } from "vitest";
import * as format from "./format.ts";
import { preferredLocale, regionOf, speak } from "./locale.ts";
import { m } from "./messages.ts";

afterEach(() => speak("en", ["en-US"]));

describe("the language of the page", () => {
  it.each([
    [["de-CH", "en"], "de"],
    [["fr", "zh-TW", "de"], "zh-CN"],
    [["ZH-cn"], "zh-CN"],
    [["en-GB", "de"], "en"],
    [["pt-BR"], "en"],
    [[], "en"],
  ])("is for a browser that wants %j %s", (wanted, locale) => {
    expect(preferredLocale(wanted)).toBe(locale);
  });

  it("is written as in the browser's region, where the browser speaks it", () => {
    expect(regionOf("de", ["en-US", "de-CH"])).toBe("de-CH");
    expect(regionOf("de", ["en-US"])).toBe("de");
  });

  it("is that of all texts, numbers and dates", () => {
    const shown = () => [
      m.app_language_label(),
      format.fixed(1234.5, 2),
      format.percent(0.875, 1),
      format.day("2026-11-29"),
    ];
    expect(shown()).toEqual(["Language", "1,234.50", "87.5%", "Nov 29, 2026"]);
    speak("de", []);
    expect(shown()).toEqual(["Sprache", "1.234,50", "87,5\u00a0%", "29.11.2026"]);
    speak("zh-CN", []);
    expect(shown()).toEqual(["语言", "1,234.50", "87.5%", "2026年11月29日"]);
  });
});
