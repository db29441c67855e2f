import { afterEach, describe, expect, it } from "vitest";
import { speak } from "../texts/locale.ts";
import { dayLabels, INCREMENTS } from "./chart-days.ts";

const DAY = 86_400;
const seconds = (...days: string[]) => days.map((day) => Date.parse(`${day}T00:00:00Z`) / 1000);

afterEach(() => speak("en", ["en-US"]));

describe("labels of days along a chart", () => {
  it("are written in the language of the page, with the year where one begins", () => {
    const labels = () => dayLabels(seconds("2025-12-30", "2026-01-02", "2026-01-05"), 3 * DAY);
    expect(labels()).toEqual(["Dec 30\n2025", "Jan 2\n2026", "Jan 5"]);
    speak("de", []);
    expect(labels()).toEqual(["30. Dez.\n2025", "2. Jan.\n2026", "5. Jan."]);
    speak("zh-CN", []);
    expect(labels()).toEqual(["12月30日\n2025年", "1月2日\n2026年", "1月5日"]);
  });

  it("name months, or years, where ticks are as far apart", () => {
    speak("de", []);
    expect(dayLabels(seconds("2025-11-01", "2026-03-01"), 120 * DAY)).toEqual(["Nov\n2025", "Mär\n2026"]);
    expect(dayLabels(seconds("2025-01-01", "2027-01-01"), 730 * DAY)).toEqual(["2025", "2027"]);
  });

  it("stand on whole days", () => {
    expect(INCREMENTS.every((increment) => increment % DAY === 0)).toBe(true);
    expect([...INCREMENTS]).toEqual([...INCREMENTS].sort((a, b) => a - b));
  });
});
