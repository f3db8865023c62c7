// Parses times such as those of -S and --begin, and formats times and durations as Slurm does.

import { GleanerError } from "../model/errors.js";
import { quoted } from "./values.js";

const stepsMs: Readonly<Record<string, number>> = {
  second: 1_000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  week: 604_800_000,
};

/**
 * Reads a time as Slurm does, in the local zone: `now`, `now-2hours`, `today`, `tomorrow`,
 * `midnight`, `noon`, `HH:MM[:SS] [AM|PM]`, `MMDD`, `MM/DD/YY` or `YYYY-MM-DD[THH:MM[:SS]]`. A time
 * of day is today's; of the future, it is tomorrow's once that has passed. Returns milliseconds
 * since the epoch.
 */
export function parseWhen(
  text: string,
  where: string,
  nowMs: number,
  of: "past" | "future" = "past",
): number {
  const lower = text.toLowerCase();
  if (lower === "now") return nowMs;
  const next = (ms: number): number =>
    of === "future" && ms <= nowMs ? new Date(ms).setDate(new Date(ms).getDate() + 1) : ms;
  const relative = /^now\s*([+-])\s*(\d{1,9})\s*(second|minute|hour|day|week)?s?$/.exec(lower);
  if (relative !== null) {
    const spanMs = Number(relative[2]) * stepsMs[relative[3] ?? "second"]!;
    return relative[1] === "+" ? nowMs + spanMs : nowMs - spanMs;
  }
  if (lower === "today" && of === "future") return nowMs;
  if (lower === "today" || lower === "midnight") return next(midnightBefore(nowMs));
  if (lower === "tomorrow") return new Date(nowMs).setDate(new Date(nowMs).getDate() + 1);
  const today = new Date(nowMs);
  const [year, month, day] = [today.getFullYear(), today.getMonth() + 1, today.getDate()];
  const named = { noon: 12, teatime: 16, fika: 15, elevenses: 11 }[lower];
  if (named !== undefined) return next(moment(year, month, day, named, 0, 0)!);
  const clock = /^(\d{1,2}):(\d\d)(?::(\d\d))?\s*(am|pm)?$/.exec(lower);
  const slashed = /^(\d\d)[/.](\d\d)(?:[/.](\d\d))?$/.exec(text);
  const short = /^(\d\d)(\d\d)$/.exec(text);
  const full = /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ](\d{1,2}):(\d\d)(?::(\d\d))?)?$/i.exec(text);
  const found =
    (clock && clockOf(clock, (...time) => moment(year, month, day, ...time), next)) ??
    (slashed &&
      moment(
        2_000 + Number(slashed[3] ?? year % 1_000),
        Number(slashed[1]),
        Number(slashed[2]),
        0,
        0,
        0,
      )) ??
    (short && moment(year, Number(short[1]), Number(short[2]), 0, 0, 0)) ??
    (full && moment(Number(full[1]), Number(full[2]), Number(full[3]), ...fields(full.slice(4))));
  if (found === null)
    throw new GleanerError(
      "BAD_REQUEST",
      `${where}: invalid time ${quoted(text)}: expected YYYY-MM-DD, YYYY-MM-DDTHH:MM, HH:MM or now-2hours`,
    );
  return found;
}

function clockOf(
  match: RegExpExecArray,
  at: (hour: number, minute: number, second: number) => number | null,
  next: (ms: number) => number,
): number | null {
  const [hour, minute, second] = fields(match.slice(1, 4));
  const half = match[4];
  const shifted = half === undefined ? hour : (hour % 12) + (half === "pm" ? 12 : 0);
  const found = at(shifted, minute, second);
  return found === null ? null : next(found);
}

/** 00:00 of the local day, sacct's default start. */
export function midnightBefore(nowMs: number): number {
  const date = new Date(nowMs);
  date.setHours(0, 0, 0, 0);
  return date.getTime();
}

const fields = (parts: readonly (string | undefined)[]): [number, number, number] => [
  Number(parts[0] ?? 0),
  Number(parts[1] ?? 0),
  Number(parts[2] ?? 0),
];

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

/** Formats as Slurm does, in local time: `YYYY-MM-DDTHH:MM:SS`, or `Unknown` for null. */
export function formatWhen(ms: number | null): string {
  if (ms === null) return "Unknown";
  const date = new Date(ms);
  const day = [date.getFullYear(), pad(date.getMonth() + 1), pad(date.getDate())].join("-");
  return `${day}T${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
}

/** Formats as squeue does: `M:SS`, `H:MM:SS` or `D-HH:MM:SS`, rounded down. */
export function formatSpan(ms: number): string {
  const { days, hours, minutes, seconds } = split(ms);
  if (days > 0) return `${days}-${pad(hours)}:${pad(minutes)}:${pad(seconds)}`;
  if (hours > 0) return `${hours}:${pad(minutes)}:${pad(seconds)}`;
  return `${minutes}:${pad(seconds)}`;
}

/** Formats as sacct does: `HH:MM:SS` or `D-HH:MM:SS`, rounded down. */
export function formatClock(ms: number): string {
  const { days, hours, minutes, seconds } = split(ms);
  const clock = `${pad(hours)}:${pad(minutes)}:${pad(seconds)}`;
  return days > 0 ? `${days}-${clock}` : clock;
}

/** Formats as sacct does, with milliseconds, since most functions take less than a second. */
export function formatElapsed(ms: number): string {
  const { days, hours, minutes, seconds } = split(ms);
  const milliseconds = String(Math.max(0, ms) % 1_000).padStart(3, "0");
  const clock = `${pad(hours)}:${pad(minutes)}:${pad(seconds)}.${milliseconds}`;
  return days > 0 ? `${days}-${clock}` : clock;
}

function split(ms: number): { days: number; hours: number; minutes: number; seconds: number } {
  const total = Math.floor(Math.max(0, ms) / 1_000);
  return {
    days: Math.floor(total / 86_400),
    hours: Math.floor(total / 3_600) % 24,
    minutes: Math.floor(total / 60) % 60,
    seconds: total % 60,
  };
}

const pad = (value: number): string => String(value).padStart(2, "0");
