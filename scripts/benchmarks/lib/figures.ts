// Clocks, medians, percentiles and rounding of benchmarks; needs no cluster, so that measured programs can have it too.

import { readFileSync } from "node:fs";
import { machineMonotonicNs } from "../../../src/clock.js";

/** Milliseconds with their fraction, from any start. */
export const preciseMs = (): number => Number(machineMonotonicNs()) / 1e6;

/** The middle value, or the mean of the two in the middle; throws where nothing was measured. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new Error("there is nothing to take the median of");
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length / 2;
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle) - 1]!) / 2;
}

/** The median of `left` by `right` pair by pair: what disturbs both, as a busy machine does, cancels out. */
export const medianRatio = (left: readonly number[], right: readonly number[]): number =>
  median(left.map((value, index) => value / right[index]!));

export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Nearest rank; null where nothing was measured. */
export function percentilesOf(values: readonly number[]): Percentiles | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((left, right) => left - right);
  const rank = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
  return { p50: rank(0.5), p99: rank(0.99), max: sorted.at(-1)! };
}

/** As percentilesOf, for a benchmark that is of no use without it: throws `what` was not measured. */
export function measuredPercentiles(what: string, values: readonly number[]): Percentiles {
  const percentiles = percentilesOf(values);
  if (percentiles === null) throw new Error(`${what} was not measured`);
  return percentiles;
}

export const rounded = (value: number, digits = 2): number => Number(value.toFixed(digits));

/** Processor time of a process and its ended threads so far. */
export function cpuMsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * clockTickMs;
}

/** Linux tells it in hundredths of a second, whatever the machine. */
const clockTickMs = 10;
