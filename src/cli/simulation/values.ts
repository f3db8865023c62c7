// Parses the values of simulate's options: times, ranges, distributions, arrivals, sweeps.

import { GleanerError } from "../../model/errors.js";
import type { Arrivals, Costs, Durations } from "../../sim/index.js";
import { quoted } from "../values.js";

const bad = (sentence: string): GleanerError => new GleanerError("BAD_REQUEST", sentence);

const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
/** Ten days: more than any function or pause takes. */
const maxMs = 864_000_000;

/** Reads `250ms`, `2s`, `1.5m`, `1h` or `0` as whole milliseconds from `leastMs` to `mostMs`. */
export function parseMs(text: string, where: string, leastMs: number, mostMs = maxMs): number {
  const match = /^(\d{1,9}(?:\.\d{1,6})?)(ms|s|m|h)$/.exec(text);
  const ms =
    text === "0" ? 0 : match === null ? null : Math.round(Number(match[1]) * units[match[2]!]!);
  if (ms === null)
    throw bad(`${where}: invalid time ${quoted(text)}: expected a number with ms, s, m or h`);
  if (ms < leastMs || ms > mostMs)
    throw bad(
      `${where}: invalid value ${quoted(text)}: expected at least ${leastMs} ms and at most ${mostMs / 86_400_000} days`,
    );
  return ms;
}

/** A whole number from 1 to `most`. */
export function parseCount(text: string, where: string, most: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > most)
    throw bad(`${where}: invalid value ${quoted(text)}: expected a number from 1 to ${most}`);
  return value;
}

/** A whole number from 0 to `most`. */
export function parseWhole(text: string, where: string, most: number): number {
  return text === "0" ? 0 : parseCount(text, where, most);
}

/** A number above 0. */
export function parseFactor(text: string, where: string): number {
  const value = /^\d{1,9}(\.\d{1,9})?$/.test(text) ? Number(text) : 0;
  if (value <= 0 || value > 1_000_000)
    throw bad(
      `${where}: invalid value ${quoted(text)}: expected a number above 0, such as 2 or 0.5`,
    );
  return value;
}

export function parseSeed(text: string): number {
  if (!/^\d{1,9}$/.test(text))
    throw bad(`--seed: invalid value ${quoted(text)}: expected a whole number`);
  return Number(text);
}

/** `200ms` or `150ms-300ms`. */
export function parseStart(text: string): Costs["executorStartMs"] {
  const where = "--executor-start";
  const [least, most, more] = text.split("-");
  if (more !== undefined)
    throw bad(
      `${where}: invalid value ${quoted(text)}: expected a time or a range, such as 200ms or 150ms-300ms`,
    );
  const leastMs = parseMs(least!, where, 0);
  const mostMs = parseMs(most ?? least!, where, 0);
  if (mostMs < leastMs)
    throw bad(
      `${where}: range ${quoted(text)} ends before it begins: write the shorter time first`,
    );
  return { least: leastMs, most: mostMs };
}

/** `10ms`, `uniform:1s-5s`, `exponential:2s`, `lognormal:2s:1.5` (median and sigma). */
export function parseDurations(text: string): Exclude<Durations, { kind: "trace" }> {
  const where = "--call";
  const [kind, first, second, more] = text.split(":");
  if (first === undefined) return { kind: "fixed", ms: parseMs(text, where, 1) };
  if (kind === "uniform" && second === undefined) {
    const [least, most, others] = first.split("-");
    if (most !== undefined && others === undefined) {
      const leastMs = parseMs(least!, where, 1);
      return { kind, leastMs, mostMs: parseMs(most, where, leastMs) };
    }
  }
  if (kind === "exponential" && second === undefined)
    return { kind, meanMs: parseMs(first, where, 1) };
  if (kind === "lognormal" && second !== undefined && more === undefined) {
    const sigma = parseFactor(second, where);
    if (sigma > 4) throw bad(`${where}: invalid sigma ${sigma}: expected at most 4`);
    return { kind, medianMs: parseMs(first, where, 1), sigma };
  }
  throw bad(
    `${where}: invalid value ${quoted(text)}: expected 10ms, uniform:1s-5s, exponential:2s or lognormal:2s:1.5`,
  );
}

/** `saturating`, `trace`, or `10/s`. */
export function parseArrivals(text: string, scale: number, isTraced: boolean): Arrivals {
  const rate = /^(\d{1,6}(?:\.\d{1,6})?)\/s$/.exec(text);
  if (text === "saturating") return { kind: "saturating" };
  if (rate !== null && Number(rate[1]) > 0)
    return { kind: "rate", perSecond: Number(rate[1]) * scale };
  if (text === "trace") {
    if (isTraced) return { kind: "trace", scale };
    throw bad("--arrivals trace requires a trace of invocations: give one with --invocations FILE");
  }
  throw bad(
    `--arrivals: invalid value ${quoted(text)}: expected saturating, trace, or a rate such as 10/s`,
  );
}

/** The values of one option, each for a run of its own. */
export interface Sweep {
  readonly option: string;
  readonly values: readonly string[];
}

/** More runs do not fit side by side. */
const maxSweep = 50;

/** `poll=1s,5s,30s`. */
export function parseSweep(text: string, options: readonly string[]): Sweep {
  const at = text.indexOf("=");
  const option = text.slice(0, Math.max(0, at));
  const values = text.slice(at + 1).split(",");
  if (!options.includes(option))
    throw bad(
      `--sweep: unknown parameter in ${quoted(text)}: expected one of ${options.join(", ")}, as in poll=1s,5s,30s`,
    );
  if (values.length > maxSweep || values.includes(""))
    throw bad(`--sweep: write 1 to ${maxSweep} values separated by commas, as in poll=1s,5s,30s`);
  return { option, values };
}
