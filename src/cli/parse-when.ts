// Reads times such as those of -S and --begin, as Slurm does.

import { GleanerError } from "../model/errors.js";
import { quoted } from "./values.js";

const stepsMs: Readonly<Record<string, number>> = {
  second: 1_000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  week: 604_800_000,
};

/** What the parts of a text say; null: nothing. */
interface Said {
  date: { year: number | null; month: number; day: number } | null;
  clock: { hour: number; minute: number; second: number } | null;
  /** The moment that these two fields stand for: an hour of autumn has them twice. */
  exactly: { ms: number; date: Said["date"]; clock: Said["clock"] } | null;
}

/** A part at the place where the one before it ends; null if there is no such time. */
type Part = readonly [RegExp, (match: RegExpExecArray, now: Date) => Partial<Said> | null];

const named = { midnight: 0, elevenses: 11, noon: 12, fika: 15, teatime: 16 };

const parts: readonly Part[] = [
  [
    /now(?:\s*([+-])\s*(\d{1,9})\s*(second|minute|hour|day|week)?s?)?/y,
    ([, sign, count, step = "second"], now) => {
      const spanMs = Number(count ?? 0) * stepsMs[step]!;
      const at = new Date(now.getTime() + (sign === "-" ? -spanMs : spanMs));
      const [hour, minute, second] = [at.getHours(), at.getMinutes(), at.getSeconds()];
      const [date, clock] = [dateOf(at), clockAt(hour, minute, second)];
      return { date, clock, exactly: { ms: at.getTime(), date, clock } };
    },
  ],
  [
    /(today|tomorrow)/y,
    ([, name], now) => ({ date: dateOf(daysAfter(now, name === "today" ? 0 : 1)) }),
  ],
  [
    /(midnight|elevenses|noon|fika|teatime)/y,
    ([, name]) => ({ clock: clockAt(named[name as keyof typeof named]) }),
  ],
  [
    /(\d{1,2}):(\d\d)(?::(\d\d))?\s*(am|pm)?/y,
    ([, hour, minute, second, half]) => {
      if (half === undefined)
        return { clock: clockAt(Number(hour), Number(minute), Number(second ?? 0)) };
      if (Number(hour) > 12) return null;
      const shifted = (Number(hour) % 12) + (half === "pm" ? 12 : 0);
      return { clock: clockAt(shifted, Number(minute), Number(second ?? 0)) };
    },
  ],
  [
    /(\d{4})-(\d{1,2})-(\d{1,2})/y,
    ([, year, month, day]) => ({
      date: { year: Number(year), month: Number(month), day: Number(day) },
    }),
  ],
  [/(\d{1,2})[/.](\d{1,2})(?:[/.](\d\d))?(?!\d)/y, (match) => ({ date: shortDate(match) })],
  [/(\d\d)(\d\d)(\d\d)?(?!\d)/y, (match) => ({ date: shortDate(match) })],
  [/[\s-]|t/y, () => ({})],
];

const shortDate = ([, month, day, year]: RegExpExecArray): Said["date"] => ({
  year: year === undefined ? null : 2_000 + Number(year),
  ...{ month: Number(month), day: Number(day) },
});

/**
 * Reads a time as Slurm does, in the local zone: a date, a time of day or both, in any order, with
 * blanks, `-` or `T` between them. Dates are `today`, `tomorrow`, `MMDD[YY]`, `MM/DD[/YY]` and
 * `YYYY-MM-DD`, times `midnight`, `noon` and `HH:MM[:SS] [AM|PM]`; `now` and `now-2hours` are both.
 * Without a year or a date the next one is meant, or of the past this day's time and a day of the
 * twelve months up to this one. Returns milliseconds since the epoch.
 */
export function parseWhen(
  text: string,
  where: string,
  nowMs: number,
  of: "past" | "future" = "past",
): number {
  const said = saidBy(text.toLowerCase(), new Date(nowMs));
  const found = said && momentOf(said, new Date(nowMs), of);
  if (found === null)
    throw new GleanerError(
      "BAD_REQUEST",
      `${where}: invalid time ${quoted(text)}: expected YYYY-MM-DD, YYYY-MM-DDTHH:MM, HH:MM or now-2hours`,
    );
  return found;
}

/** null if something else is in the text. */
function saidBy(text: string, now: Date): Said | null {
  let said: Said = { date: null, clock: null, exactly: null };
  let at = 0;
  while (at < text.length) {
    const found = partAt(text, at, now);
    if (found === null) return null;
    said = { ...said, ...found.says };
    at = found.end;
  }
  return said;
}

function partAt(text: string, at: number, now: Date): { says: Partial<Said>; end: number } | null {
  for (const [pattern, read] of parts) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match === null) continue;
    const says = read(match, now);
    return says === null ? null : { says, end: at + match[0].length };
  }
  return null;
}

function momentOf({ date, clock, exactly }: Said, now: Date, of: "past" | "future"): number | null {
  if (date === null && clock === null) return null;
  // No later part of the text says another date or time of day.
  if (exactly !== null && exactly.date === date && exactly.clock === clock)
    return Number.isNaN(exactly.ms) ? null : exactly.ms;
  const { hour, minute, second } = clock ?? clockAt(0);
  const time = [hour, minute, second] as const;
  // Slurm compares minutes: what is of this minute has passed.
  const hasPassed = hour * 60 + minute <= now.getHours() * 60 + now.getMinutes();
  if (date === null) {
    const { year, month, day } = dateOf(daysAfter(now, of === "future" && hasPassed ? 1 : 0));
    return moment(year, month, day, ...time);
  }
  const year = date.year ?? yearOf(date, now, hasPassed, of);
  return moment(year, date.month, date.day, ...time);
}

function yearOf(
  { month, day }: { month: number; day: number },
  now: Date,
  hasPassed: boolean,
  of: "past" | "future",
): number {
  const today = dateOf(now);
  const days = (month - today.month) * 31 + day - today.day;
  if (of === "past") return today.year - (month > today.month ? 1 : 0);
  return today.year + (days < 0 || (days === 0 && hasPassed) ? 1 : 0);
}

const dateOf = (at: Date): { year: number; month: number; day: number } => ({
  ...{ year: at.getFullYear(), month: at.getMonth() + 1, day: at.getDate() },
});

const daysAfter = (now: Date, days: number): Date =>
  new Date(now.getFullYear(), now.getMonth(), now.getDate() + days);

const clockAt = (hour: number, minute = 0, second = 0): NonNullable<Said["clock"]> => ({
  ...{ hour, minute, second },
});

/** 00:00 of the local day, sacct's default start. */
export function midnightBefore(nowMs: number): number {
  const date = new Date(nowMs);
  date.setHours(0, 0, 0, 0);
  return date.getTime();
}

/** null if there is no such day or hour: Date would turn 31 February into a day of March. */
function moment(
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
): number | null {
  const date = new Date(year, month - 1, day, hour, minute, second);
  const exists = date.getMonth() === month - 1 && date.getDate() === day;
  return exists && hour < 24 && minute < 60 && second < 60 ? date.getTime() : null;
}
