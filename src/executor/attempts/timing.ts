// How long something took, and waiting for it, but not for ever.

import { clearTimeout, machineMonotonicNs, setTimeout, type Timer } from "../../clock.js";

/** Resolves when `done` does, or after `limitMs`. */
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

/** Milliseconds since a moment of CLOCK_MONOTONIC that the hook named; a hook's clock ahead of ours counts as now. */
export const msSince = (startNs: bigint): number =>
  Math.max(0, Math.ceil(Number(machineMonotonicNs() - startNs) / 1e6));
