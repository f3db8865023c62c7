// Clocks, medians, percentiles and rounding for benchmarks; needs no cluster, so that measured
// programs can use it too.

import { readFileSync } from "node:fs";
import { machineMonotonicNs } from "../../../src/clock.js";

/** Milliseconds with a fraction, from an arbitrary start. */
export const preciseMs = (): number => Number(machineMonotonicNs()) / 1e6;

/** The middle value, or the mean of the two in the middle; throws if nothing was measured. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new Error("cannot take the median of no values");
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length / 2;
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle) - 1]!) / 2;
}

/**
 * The median of `left` by `right`, pair by pair: disturbances of both, such as a busy machine,
 * cancel out.
 */
export const medianRatio = (left: readonly number[], right: readonly number[]): number =>
  median(left.map((value, index) => value / right[index]!));

export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Nearest rank; null if nothing was measured. */
export function percentilesOf(values: readonly number[]): Percentiles | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((left, right) => left - right);
  const rank = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
  return { p50: rank(0.5), p99: rank(0.99), max: sorted.at(-1)! };
}

/**
 * Like percentilesOf, for a benchmark that is useless without it: throws an error that `what` was
 * not measured.
 */
export function measuredPercentiles(what: string, values: readonly number[]): Percentiles {
  const percentiles = percentilesOf(values);
  if (percentiles === null) throw new Error(`${what} was not measured`);
  return percentiles;
}

export const rounded = (value: number, digits = 2): number => Number(value.toFixed(digits));

/** The processor time of a process and its ended threads so far. */
export function cpuMsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * clockTickMs;
}

/** Linux reports it in hundredths of a second on every machine. */
const clockTickMs = 10;
