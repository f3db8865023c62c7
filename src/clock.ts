// The only source of time, read and waited for: a monotonic clock that measures, labelled once with the wall clock at start.

/** What can be waited for; without `unref` it keeps the process alive. */
export interface Timer {
  unref(): unknown;
}

/** Where time comes from: this machine, or a simulation (see useTime). */
export interface Time {
  monotonicMs(): number;
  nowMs(): number;
  machineMonotonicNs(): bigint;
  setTimeout(callback: () => void, delayMs: number): Timer;
  clearTimeout(timer: Timer): void;
  setImmediate(callback: () => void): void;
  /** See below. */
  standStill(ms: number): boolean;
}

/** Not performance.now(): the first use of that loads nine modules of node, which users of glean would wait for. */
const preciseMs = (): number => Number(process.hrtime.bigint()) / 1e6;

const startedWallMs = Date.now();
const startedMonotonicMs = preciseMs();

const nobodyWakes = new Int32Array(new SharedArrayBuffer(4));

const machineTime: Time = {
  monotonicMs: () => Math.floor(preciseMs() - startedMonotonicMs),
  nowMs: () => Math.floor(startedWallMs + preciseMs() - startedMonotonicMs),
  machineMonotonicNs: () => process.hrtime.bigint(),
  setTimeout: (callback, delayMs) => globalThis.setTimeout(callback, delayMs),
  clearTimeout: (timer) => globalThis.clearTimeout(timer as NodeJS.Timeout),
  setImmediate: (callback) => void globalThis.setImmediate(callback),
  standStill: (ms) => {
    Atomics.wait(nobodyWakes, 0, 0, ms);
    return true;
  },
};

let time = machineTime;

/**
 * Everything that asks for the time, or waits, goes by `other` from now on, until the function that comes back is called.
 * For simulations of more machines than one in one process: one place to change, where a clock handed to each part would
 * be in every signature.
 */
export function useTime(other: Time): () => void {
  const before = time;
  time = other;
  return () => {
    time = before;
  };
}

/** Milliseconds on the monotonic clock of this process, whole and never going back. */
export const monotonicMs = (): number => time.monotonicMs();

/**
 * Milliseconds since the epoch that never go back within one process: the wall clock at start plus what the
 * monotonic clock measured since. A wall clock that is set while we run moves no interval.
 */
export const nowMs = (): number => time.nowMs();

/** CLOCK_MONOTONIC in nanoseconds: comparable between processes of one machine (the node hook sends it). */
export const machineMonotonicNs = (): bigint => time.machineMonotonicNs();

/** Whole milliseconds of the same clock: goes on over a restart of this program. */
export const machineMonotonicMs = (): number => Number(time.machineMonotonicNs() / 1_000_000n);

/** As the global ones: what runs on this clock waits by it too. */
export const setTimeout = (callback: () => void, delayMs: number): Timer =>
  time.setTimeout(callback, delayMs);
export const setImmediate = (callback: () => void): void => time.setImmediate(callback);
export function clearTimeout(timer: Timer | null | undefined): void {
  if (timer !== null && timer !== undefined) time.clearTimeout(timer);
}

/** Blocks this whole thread; false, at once, where time does not pass meanwhile (a simulated clock). */
export const standStill = (ms: number): boolean => time.standStill(ms);

/** Resolves that much later; keeps no process alive. */
export const pause = (delayMs: number): Promise<void> =>
  new Promise((resolve) => void time.setTimeout(resolve, delayMs).unref());
