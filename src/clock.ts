// The only source of time, for reading and waiting: a monotonic clock, labelled once with the wall
// clock at start.

/** A handle to cancel a wait; without `unref` it keeps the process alive. */
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
  /** See standStill() below. */
  standStill(ms: number): boolean;
}

/**
 * Not performance.now(): its first use loads nine modules of node, for which users of glean would
 * wait.
 */
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
 * From now on everything that reads the time, or waits, uses `other`, until the returned function
 * is called. For simulations of several machines in one process: a single place to change, whereas
 * a clock passed to each part would be in every signature.
 */
export function useTime(other: Time): () => void {
  const before = time;
  time = other;
  return () => {
    time = before;
  };
}

/** Whole milliseconds on the monotonic clock of this process. */
export const monotonicMs = (): number => time.monotonicMs();

/**
 * Milliseconds since the epoch that never go back within one process: the wall clock at start plus
 * what the monotonic clock measured since. Setting the wall clock while we run changes no interval.
 */
export const nowMs = (): number => time.nowMs();

/**
 * By how much the wall clock is later than nowMs() takes it to be: it was set since this program
 * started, or the machine was suspended.
 */
export const wallStepMs = (): number => Date.now() - machineTime.nowMs();

/**
 * CLOCK_MONOTONIC in nanoseconds: comparable between processes of one machine (the node hook sends
 * it).
 */
export const machineMonotonicNs = (): bigint => time.machineMonotonicNs();

/** Whole milliseconds of the same clock, which continues over a restart of this program. */
export const machineMonotonicMs = (): number => Number(time.machineMonotonicNs() / 1_000_000n);

/** Like the global ones, but on this clock. */
export const setTimeout = (callback: () => void, delayMs: number): Timer =>
  time.setTimeout(callback, delayMs);
export const setImmediate = (callback: () => void): void => time.setImmediate(callback);
export function clearTimeout(timer: Timer | null | undefined): void {
  if (timer !== null && timer !== undefined) time.clearTimeout(timer);
}

/**
 * Blocks this whole thread; returns false, at once, if time does not pass meanwhile (a simulated
 * clock).
 */
export const standStill = (ms: number): boolean => time.standStill(ms);

/** Resolves after this time; does not keep the process alive. */
export const pause = (delayMs: number): Promise<void> =>
  new Promise((resolve) => void time.setTimeout(resolve, delayMs).unref());
