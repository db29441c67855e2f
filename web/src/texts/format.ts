/** Numbers, sizes and dates as they are written in the language of the page. No other module formats them. */
import { formattingLocale, locale } from "./locale.ts";

const numbers = new Map<string, Intl.NumberFormat>();
const dates = new Map<string, Intl.DateTimeFormat>();

function kept<Format, Options>(
  cache: Map<string, Format>,
  make: (locale: string, options: Options) => Format,
) {
  return (options: Options): Format => {
    const locale = formattingLocale();
    const key = `${locale} ${JSON.stringify(options)}`;
    let format = cache.get(key);
    if (!format) {
      format = make(locale, options);
      cache.set(key, format);
    }
    return format;
  };
}

const numberFormat = kept(
  numbers,
  (locale, options: Intl.NumberFormatOptions) => new Intl.NumberFormat(locale, options),
);
const dateFormat = kept(
  dates,
  (locale, options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(locale, options),
);

/** 12,345 */
export const number = (value: number): string => numberFormat({}).format(value);

/** With exactly so many digits after the point: 0.90 */
export const fixed = (value: number, digits: number): string =>
  numberFormat({ minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);

/** With at most so many digits after the point: 1.5, 2 */
export const rounded = (value: number, digits: number): string =>
  numberFormat({ maximumFractionDigits: digits }).format(value);

/** A share from 0 to 1, with at most so many digits after the point: 87% */
export const percent = (share: number, digits = 0): string =>
  numberFormat({ style: "percent", maximumFractionDigits: digits }).format(share);

/** 12.3 MB, of 10^6 bytes */
export const megabytes = (bytes: number): string => `${rounded(bytes / 1e6, 1)} MB`;

/** Date and time to the second, from an ISO 8601 text. */
export const moment = (at: string): string =>
  dateFormat({
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  }).format(new Date(at));

/** Date and time to the minute: Nov 29, 2026, 3:54 PM */
export const briefMoment = (at: string): string =>
  dateFormat({ dateStyle: "medium", timeStyle: "short" }).format(new Date(at));

/** The time of day to the second, from an ISO 8601 text or milliseconds. */
export const timeOfDay = (at: string | number): string =>
  dateFormat({ hour: "numeric", minute: "numeric", second: "numeric" }).format(new Date(at));

/** A calendar day of UTC, given as 2026-11-29: Nov 29, 2026 */
export const day = (date: string): string =>
  dateFormat({ dateStyle: "medium", timeZone: "UTC" }).format(new Date(`${date}T00:00:00Z`));

const inUtc =
  (options: Intl.DateTimeFormatOptions) =>
  (seconds: number): string =>
    dateFormat({ ...options, timeZone: "UTC" }).format(new Date(seconds * 1000));

/** A calendar day of UTC without its year, given in seconds since 1970: Nov 29 */
export const monthAndDay = inUtc({ month: "short", day: "numeric" });
/** The month in UTC of a moment in seconds since 1970: Nov */
export const monthName = inUtc({ month: "short" });
/** The year in UTC of a moment in seconds since 1970: 2026 */
export const yearName = inUtc({ year: "numeric" });

/** A label within a sentence or list: English makes it small, German keeps its nouns large. */
export const amid = (label: string): string => (locale() === "en" ? label.toLowerCase() : label);
