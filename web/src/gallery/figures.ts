/** Figures as people read them. */

import {
  type Effort,
  type Estimate,
  type Forecast,
  type ImageState,
  type Progress,
  STATE_NAMES,
} from "../api/types.ts";
import { day, fixed, rounded, percent as written } from "../texts/format.ts";
import { m } from "../texts/messages.ts";

const LOOKS: readonly [ImageState, color: string, dash: number[]][] = [
  ["waiting", "var(--text-faint)", []],
  ["submitted", "var(--warn)", [8, 4]],
  ["approved", "var(--good)", []],
  ["returned", "var(--bad)", [3, 3]],
  ["skipped", "var(--accent)", [12, 4, 3, 4]],
];
export const STATES = LOOKS.map(([state, color, dash]) => ({
  state,
  get name() {
    return STATE_NAMES[state];
  },
  color,
  dash,
}));

/** One line of a chart: a value for each day. */
export interface Line {
  name: string;
  color: string;
  dash: number[];
  values: number[];
}

const one = (value: number) => rounded(value, 1);

const NAMELESS = {
  category: m.statistics_no_category,
  person: m.statistics_nobody,
  model: m.statistics_no_model,
};
/** What a group is called; the server names those of no category, nobody and no model in English only. */
export const groupName = (by: keyof typeof NAMELESS, key: string | number, name: string): string =>
  key === "" || Number(key) === 0 ? NAMELESS[by]() : name;

/** Of the masks whose time is known. */
export const secondsPerMask = ({ timed, seconds }: Effort): string =>
  timed ? `${one(seconds / timed)} s` : "–";
/** Of the masks whose clicks are known. */
export const clicksPerMask = ({ clicked, clicks }: Effort): string => (clicked ? one(clicks / clicked) : "–");
export const percent = (share: number | null): string => (share === null ? "–" : written(share));
/** The share of errors with its 95 % interval, for people. */
export function rateText(share: number | null, low: number, high: number): string {
  if (share === null) return "–";
  const exact = (value: number) => written(value, 1);
  return `${exact(share)} (${exact(low)}–${exact(high)})`;
}
/** A measure from −1 to 1. */
export const ratio = (value: number | null): string => (value === null ? "–" : fixed(value, 2));
/** A measure with its 95 % interval, where there is one. */
export const withInterval = ({ value, low, high }: Estimate): string =>
  low === null || high === null ? ratio(value) : `${ratio(value)} (${ratio(low)}–${ratio(high)})`;

export function forecastText({ open, per_day, ends }: Forecast): string {
  if (open === 0) return m.statistics_forecast_done();
  if (per_day <= 0) return m.statistics_forecast_none({ count: open });
  const pace = one(per_day);
  return ends
    ? m.statistics_forecast_ends({ count: open, pace, day: day(ends) })
    : m.statistics_forecast_endless({ count: open, pace });
}

/** Images in each state, from the first day to `today`, on which they stand as they did last. */
export function progressLines({ days }: Progress, today: string): { days: string[]; lines: Line[] } {
  const last = days.at(-1);
  const shown = last && last.day < today ? [...days, { ...last, day: today }] : days;
  const lines = STATES.map(({ state, name, color, dash }) => ({
    name,
    color,
    dash,
    values: shown.map(({ images }) => images[state] ?? 0),
  }));
  return {
    days: shown.map(({ day }) => day),
    lines: lines.filter(({ values }) => values.some((n) => n > 0)),
  };
}

/** Masks made on each day, days without any too: a gap is no rise. */
export function maskLine(groups: readonly Effort[]): { days: string[]; lines: Line[] } {
  const counts = new Map(groups.map(({ key, masks }) => [key, masks]));
  const days: string[] = [];
  const first = groups[0]?.key;
  const last = groups.at(-1)?.key;
  if (first && last) {
    for (let at = Date.parse(`${first}T00:00:00Z`); at <= Date.parse(`${last}T00:00:00Z`); at += 86_400_000)
      days.push(new Date(at).toISOString().slice(0, 10));
  }
  const values = days.map((day) => counts.get(day) ?? 0);
  return { days, lines: [{ name: m.statistics_masks(), color: "var(--accent)", dash: [], values }] };
}
