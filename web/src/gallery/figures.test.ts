import { describe, expect, it } from "vitest";
import type { Effort, Forecast, Progress } from "../api/types.ts";
import { clicksPerMask, forecastText, maskLine, percent, progressLines, secondsPerMask } from "./figures.ts";

const group = (fields: Partial<Effort>): Effort => ({
  key: "2026-01-01",
  name: "",
  masks: 4,
  timed: 0,
  seconds: 0,
  clicked: 0,
  clicks: 0,
  ...fields,
});
const states = { waiting: 0, submitted: 0, approved: 0, returned: 0, skipped: 0 };
const progress = (days: Progress["days"]): Progress => ({
  days,
  forecast: { open: 0, per_day: 0, ends: null },
  uncounted: 0,
});

describe("means", () => {
  it("are those of the masks that are known, and none where no mask is", () => {
    expect(secondsPerMask(group({ timed: 2, seconds: 5 }))).toBe("2.5 s");
    expect(clicksPerMask(group({ clicked: 4, clicks: 6 }))).toBe("1.5");
    expect([secondsPerMask(group({})), clicksPerMask(group({})), percent(null)]).toEqual(["–", "–", "–"]);
    expect(percent(0.256)).toBe("26%");
  });
});

describe("forecastText", () => {
  const text = (fields: Partial<Forecast>) =>
    forecastText({ open: 3, per_day: 2, ends: "2026-03-04", ...fields });
  it("says when, or why nothing can be said", () => {
    expect(text({})).toContain("2026");
    expect(text({ per_day: 0, ends: null })).toContain("no forecast");
    expect(text({ per_day: 0.001, ends: null })).toContain("no end is in sight");
    expect(text({ open: 0, ends: null })).toBe("No image is open.");
  });
});

describe("lines", () => {
  it("of progress go on to today and leave out states that no image was in", () => {
    const { days, lines } = progressLines(
      progress([{ day: "2026-01-01", images: { ...states, waiting: 3 } }]),
      "2026-01-09",
    );
    expect(days).toEqual(["2026-01-01", "2026-01-09"]);
    expect(lines.map(({ name, values }) => [name, values])).toEqual([["To do", [3, 3]]]);
    expect(progressLines(progress([]), "2026-01-09")).toEqual({ days: [], lines: [] });
  });

  it("of masks have a zero for each day without any", () => {
    const { days, lines } = maskLine([group({ key: "2025-12-30" }), group({ key: "2026-01-02", masks: 1 })]);
    expect(days).toEqual(["2025-12-30", "2025-12-31", "2026-01-01", "2026-01-02"]);
    expect(lines[0]?.values).toEqual([4, 0, 0, 1]);
    expect(maskLine([]).days).toEqual([]);
  });
});
