/** Figures as people read them. */
import {
  type Effort,
  type Estimate,
  type Forecast,
  type ImageState,
  type Progress,
  STATE_NAMES,
} from "../api/types.ts";

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

const one = (value: number) => value.toLocaleString(undefined, { maximumFractionDigits: 1 });

/** Of the masks whose time is known. */
export const secondsPerMask = ({ timed, seconds }: Effort): string =>
  timed ? `${one(seconds / timed)} s` : "–";
/** Of the masks whose clicks are known. */
export const clicksPerMask = ({ clicked, clicks }: Effort): string => (clicked ? one(clicks / clicked) : "–");
export const percent = (share: number | null): string =>
  share === null ? "–" : share.toLocaleString(undefined, { style: "percent", maximumFractionDigits: 0 });
/** The share of errors with its 95 % interval, for people. */
export function rateText(share: number | null, low: number, high: number): string {
  if (share === null) return "–";
  const exact = (value: number) =>
    value.toLocaleString(undefined, { style: "percent", maximumFractionDigits: 1 });
  return `${exact(share)} (${exact(low)}–${exact(high)})`;
}
/** A measure from −1 to 1. */
export const ratio = (value: number | null): string =>
  value === null
    ? "–"
    : value.toLocaleString(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
/** A measure with its 95 % interval, where there is one. */
export const withInterval = ({ value, low, high }: Estimate): string =>
  low === null || high === null ? ratio(value) : `${ratio(value)} (${ratio(low)}–${ratio(high)})`;
export const dayText = (day: string): string =>
  new Date(`${day}T00:00:00Z`).toLocaleDateString(undefined, { dateStyle: "medium", timeZone: "UTC" });

export function forecastText({ open, per_day, ends }: Forecast): string {
  if (open === 0) return "No image is open.";
  const left = `${open.toLocaleString()} ${open === 1 ? "image is" : "images are"} open.`;
  if (per_day <= 0) return `${left} None of them was finished in the last days, so there is no forecast.`;
  const pace = `At the pace of the last days, ${one(per_day)} a day,`;
  return ends
    ? `${left} ${pace} the last one is done about ${dayText(ends)}.`
    : `${left} ${pace} no end is in sight.`;
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
  return { days, lines: [{ name: "Masks", color: "var(--accent)", dash: [], values }] };
}
