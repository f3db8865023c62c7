// The only source of time: a monotonic clock that measures, labelled once with the wall clock at start.

/** Not performance.now(): the first use of that loads nine modules of node, which users of glean would wait for. */
const preciseMs = (): number => Number(process.hrtime.bigint()) / 1e6;

const startedWallMs = Date.now();
const startedMonotonicMs = preciseMs();

/** Milliseconds on the monotonic clock of this process, whole and never going back. */
export function monotonicMs(): number {
  return Math.floor(preciseMs() - startedMonotonicMs);
}

/**
 * Milliseconds since the epoch that never go back within one process: the wall clock at start plus what the
 * monotonic clock measured since. A wall clock that is set while we run moves no interval.
 */
export function nowMs(): number {
  return Math.floor(startedWallMs + preciseMs() - startedMonotonicMs);
}

/** CLOCK_MONOTONIC in nanoseconds: comparable between processes of one machine (the node hook sends it). */
export function machineMonotonicNs(): bigint {
  return process.hrtime.bigint();
}

const nobodyWakes = new Int32Array(new SharedArrayBuffer(4));

/** Blocks this whole thread; false, at once, where time does not pass meanwhile (a simulated clock). */
export function standStill(ms: number): boolean {
  Atomics.wait(nobodyWakes, 0, 0, ms);
  return true;
}
