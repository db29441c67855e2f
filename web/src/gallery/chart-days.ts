/** What stands along a chart of days, in the language of the page. */
import { monthAndDay, monthName, yearName } from "../texts/format.ts";

const DAY = 86_400; // s
const MONTH = 30 * DAY;
const YEAR = 365 * DAY;

/**
 * How far ticks may be apart, in seconds: days, months or years, never hours. uPlot takes 30 days as a month and 365 as a year,
 * and places ticks on their first day.
 */
export const INCREMENTS: readonly number[] = [
  ...[1, 2, 3, 4, 5, 7, 10, 15].map((days) => days * DAY),
  ...[1, 2, 3, 4, 6].map((months) => months * MONTH),
  ...[1, 2, 5, 10, 25, 50, 100].map((years) => years * YEAR),
];

/**
 * A label for each tick: day and month, month, or year. The year stands below the first label and wherever another one begins.
 *
 * @param ticks seconds since 1970, days of UTC
 * @param increment one of {@link INCREMENTS}
 */
export function dayLabels(ticks: readonly number[], increment: number): string[] {
  if (increment >= YEAR) return ticks.map(yearName);
  const name = increment >= MONTH ? monthName : monthAndDay;
  const years = ticks.map(yearName);
  return ticks.map((tick, index) =>
    years[index] === years[index - 1] ? name(tick) : `${name(tick)}\n${years[index]}`,
  );
}
