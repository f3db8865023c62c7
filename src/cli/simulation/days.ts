// Estimates the figures of a whole trace from the replays of some of its days.

import type { Estimate, Simulated } from "../../sim/index.js";

/** What one policy, with one value of a sweep, would bring on all days. */
export interface DayEstimate {
  readonly run: string;
  readonly days: number;
  readonly ofDays: number;
  readonly coverage: Estimate;
  readonly goodput: Estimate;
}

/** `2026-01-01`. */
export const dateOf = (atMs: number): string => new Date(atMs).toISOString().slice(0, 10);

/** One estimate for each label; `simulated` are the results of `orders`. */
export function estimatesOf(
  orders: readonly { readonly label: string }[],
  simulated: readonly Pick<Simulated, "result">[],
  ofDays: number,
  estimateOf: typeof import("../../sim/index.js")["estimateOf"],
): DayEstimate[] {
  const labels = [...new Set(orders.map(({ label }) => label))];
  return labels.map((run) => {
    const results = simulated
      .filter((_, index) => orders[index]!.label === run)
      .map(({ result }) => result);
    const sample = { nodes: results.length, ofNodes: ofDays };
    return {
      run,
      days: results.length,
      ofDays,
      coverage: estimateOf(results, "coveredCoreMs", sample),
      goodput: estimateOf(results, "usefulCoreMs", sample),
    };
  });
}

export function estimateLine({ run, days, ofDays, coverage, goodput }: DayEstimate): string {
  const of = ({ value, standardError }: Estimate) =>
    `${value.toFixed(4)} ± ${(2 * standardError).toFixed(4)}`;
  return `Estimate for all ${ofDays} days from ${days}, ${run}: coverage ${of(coverage)}, goodput ${of(goodput)}.`;
}
