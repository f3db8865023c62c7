// Measures durations, and waits for promises within a time limit.

import { clearTimeout, machineMonotonicNs, setTimeout, type Timer } from "../../clock.js";

/** Resolves once `done` resolves, or after `limitMs`. */
export async function withinMs(limitMs: number, done: Promise<unknown>): Promise<void> {
  let late: Timer | undefined;
  await Promise.race([
    done,
    new Promise<void>((resolve) => {
      late = setTimeout(resolve, limitMs);
    }),
  ]);
  clearTimeout(late);
}

/**
 * Milliseconds since a CLOCK_MONOTONIC time reported by the hook; a time in the future counts as
 * now.
 */
export const msSince = (startNs: bigint): number =>
  Math.max(0, Math.ceil(Number(machineMonotonicNs() - startNs) / 1e6));
