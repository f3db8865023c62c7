// Moments as Slurm's commands print them: in the form of SLURM_TIME_FORMAT, or as ISO 8601.

import { complain } from "../output.js";
import { formatWhen } from "../when.js";

/** What a list shows of moments: when it is made, and how it prints them. */
export interface Times {
  readonly nowMs: number;
  /** `Unknown` for null. */
  readonly text: (ms: number | null) => string;
}

export const plainTimes = (nowMs: number): Times => ({ nowMs, text: formatWhen });

/** Longer ones are none to Slurm. */
const maxFormat = 31;

/** `standard`, `relative` to the day, or a format of strftime; others are ignored, as by Slurm. */
export function timesOf(
  { SLURM_TIME_FORMAT: format = "" }: NodeJS.ProcessEnv,
  nowMs: number,
  program?: string,
): Times {
  if (format === "" || format === "standard") return plainTimes(nowMs);
  const shown = (text: (date: Date) => string): Times => ({
    nowMs,
    text: (ms) => (ms === null ? formatWhen(ms) : text(new Date(ms))),
  });
  if (format === "relative")
    return shown((date) => strftime(relativeFormat(date, new Date(nowMs)), date));
  if (format.includes("%") && format.length <= maxFormat)
    return shown((date) => strftime(format, date));
  complain(`error: invalid SLURM_TIME_FORMAT = '${format}'`, program);
  return plainTimes(nowMs);
}

/** As far as days are close, their names. */
function relativeFormat(date: Date, today: Date): string {
  // Slurm's own distance, in which a new year is far from the old one.
  const numberOf = (each: Date) => 1_000 * each.getFullYear() + dayOfYear(each);
  const days = numberOf(date) - numberOf(today);
  if (days === -1) return "Ystday %H:%M";
  if (days === 0) return "%H:%M:%S";
  if (days === 1) return "Tomorr %H:%M";
  if (Math.abs(days) > 365) return "%-d %b %Y";
  return days < -1 || days > 6 ? "%-d %b %H:%M" : "%a %H:%M";
}

const dayMs = 86_400_000;
const weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const months = `January February March April May June July August September October November
December`.split(/\s+/);

/** From 0. */
function dayOfYear(date: Date): number {
  const utc = (month: number, day: number) => Date.UTC(date.getFullYear(), month, day);
  return (utc(date.getMonth(), date.getDate()) - utc(0, 1)) / dayMs;
}

const padded = (value: number, width = 2): string => String(value).padStart(width, "0");
const spaced = (value: number): string => String(value).padStart(2);
const hour12 = (date: Date): number => date.getHours() % 12 || 12;
const weekday = (date: Date): string => weekdays[date.getDay()]!;
const month = (date: Date): string => months[date.getMonth()]!;

/** As +0200. */
function zoneOf(date: Date): string {
  const minutes = -date.getTimezoneOffset();
  const size = Math.abs(minutes);
  return `${minutes < 0 ? "-" : "+"}${padded(Math.floor(size / 60))}${padded(size % 60)}`;
}

const zoneName = (date: Date): string =>
  new Intl.DateTimeFormat("en-US", { timeZoneName: "short" })
    .formatToParts(date)
    .find(({ type }) => type === "timeZoneName")?.value ?? "";

/** Of C, in the locale that Slurm's commands have. */
const conversions: Readonly<Record<string, (date: Date) => string>> = {
  a: (date) => weekday(date).slice(0, 3),
  A: weekday,
  b: (date) => month(date).slice(0, 3),
  B: month,
  c: (date) => strftime("%a %b %e %H:%M:%S %Y", date),
  C: (date) => padded(Math.floor(date.getFullYear() / 100)),
  d: (date) => padded(date.getDate()),
  D: (date) => strftime("%m/%d/%y", date),
  e: (date) => spaced(date.getDate()),
  F: (date) => strftime("%Y-%m-%d", date),
  h: (date) => month(date).slice(0, 3),
  H: (date) => padded(date.getHours()),
  I: (date) => padded(hour12(date)),
  j: (date) => padded(dayOfYear(date) + 1, 3),
  k: (date) => spaced(date.getHours()),
  l: (date) => spaced(hour12(date)),
  m: (date) => padded(date.getMonth() + 1),
  M: (date) => padded(date.getMinutes()),
  n: () => "\n",
  p: (date) => (date.getHours() < 12 ? "AM" : "PM"),
  P: (date) => (date.getHours() < 12 ? "am" : "pm"),
  r: (date) => strftime("%I:%M:%S %p", date),
  R: (date) => strftime("%H:%M", date),
  s: (date) => String(Math.floor(date.getTime() / 1_000)),
  S: (date) => padded(date.getSeconds()),
  t: () => "\t",
  T: (date) => strftime("%H:%M:%S", date),
  u: (date) => String(date.getDay() || 7),
  w: (date) => String(date.getDay()),
  x: (date) => strftime("%m/%d/%y", date),
  X: (date) => strftime("%H:%M:%S", date),
  y: (date) => padded(date.getFullYear() % 100),
  Y: (date) => String(date.getFullYear()),
  z: zoneOf,
  Z: zoneName,
  "%": () => "%",
};

/** A minus takes the padding away. What is no conversion stays as it is. */
const strftime = (format: string, date: Date): string =>
  format.replace(/%(-?)([\w%])/g, (whole, sign: string, letter: string) => {
    const text = conversions[letter]?.(date);
    if (text === undefined) return whole;
    return sign === "-" ? text.replace(/^[0 ]+(?=\d)/, "") : text;
  });
