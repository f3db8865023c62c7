// Decides during which parts of its idle time a worker is warm, from the idle times of the past.

import { binCount, edgeMs, type IdleTimes } from "./idle-times.js";

/**
 * A worker is warm from one age of its idle time to another. A first window that begins later than
 * 0 is the pre-warm window of "Serverless in the Wild"; the end of the last one is its keep-alive.
 */
export interface WarmWindow {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface Windows {
  readonly windows: readonly WarmWindow[];
  /** False for the standard keep-alive, which starts no worker ahead. */
  readonly isLearned: boolean;
}

/**
 * This many observations of idle times of any length are assumed beside those that were made: the
 * past does not show everything.
 */
const unseenObservations = 2;
/** Each idle time counts in the bins around its own, too: a margin of about 10 % on both sides. */
const margin: readonly number[] = [0.1, 0.2, 0.4, 0.2, 0.1];
/**
 * To stop a worker and start it again costs the node work, as much as this time of an idle worker.
 * It also keeps chance from tearing holes into a window.
 */
const restartMs = 30_000;

/**
 * The windows in which an idle worker pays. In each bin of its idle time a worker costs the time
 * for which it is idle there, and spares a cold start if the next call comes there; that is worth
 * `worthMs`. The best set of windows follows by dynamic programming over the bins.
 *
 * The percentiles of the paper (5th to 99th) are one window for everything. A function that is
 * called in bursts would keep its worker through all pauses for the sake of a few calls; here it
 * gets a window for the calls of a burst, and one for the next burst if that is regular.
 *
 * An idle time beyond the range needs no forecast of its own: no window there would pay.
 */
export function warmWindows(times: IdleTimes, worthMs: number): Windows {
  // While nothing is known, a worker stays for as long as a cold start is worth: whatever comes,
  // that costs at most twice of what perfect knowledge would (the ski rental problem).
  if (!times.isRepresentative()) return keepFor(worthMs);
  return { windows: bestWindows(gainsOf(times, worthMs)), isLearned: true };
}

/** A keep-alive without anything learned. */
export const keepFor = (idleMs: number): Windows => ({
  windows: idleMs > 0 ? [{ fromMs: 0, toMs: idleMs }] : [],
  isLearned: false,
});

/** What a warm worker gains in each bin, in ms of an idle worker. */
function gainsOf(times: IdleTimes, worthMs: number): Float64Array {
  const probabilities = probabilitiesOf(times);
  const gains = new Float64Array(binCount);
  let outlasts = 1;
  // Nobody knows how long an idle time beyond the range lasts: no gain there.
  for (let bin = 0; bin + 1 < binCount; bin++) {
    const probability = probabilities[bin]!;
    const widthMs = edgeMs(bin + 1) - edgeMs(bin);
    gains[bin] = worthMs * probability - widthMs * (outlasts - probability / 2);
    outlasts -= probability;
  }
  return gains;
}

function probabilitiesOf(times: IdleTimes): Float64Array {
  const reach = (margin.length - 1) / 2;
  const seen = times.observations / (times.observations + unseenObservations);
  const probabilities = new Float64Array(binCount).fill((1 - seen) / binCount);
  for (let bin = 0; bin < binCount; bin++) {
    const share = (seen * times.countOf(bin)) / times.total;
    if (share === 0) continue;
    for (let near = -reach; near <= reach; near++) {
      const at = Math.max(0, Math.min(binCount - 1, bin + near));
      probabilities[at]! += share * margin[near + reach]!;
    }
  }
  return probabilities;
}

/**
 * The bins with the largest sum of gains, less `restartMs` for each window that begins later than
 * 0.
 */
function bestWindows(gains: Float64Array): WarmWindow[] {
  const cameFromWarm = { warm: new Uint8Array(gains.length), cold: new Uint8Array(gains.length) };
  let warm = 0;
  let cold = 0;
  for (const [bin, gain] of gains.entries()) {
    const restarted = bin === 0 ? cold : cold - restartMs;
    const staysWarm = warm > restarted;
    const wasWarm = warm > cold;
    cameFromWarm.warm[bin] = staysWarm ? 1 : 0;
    cameFromWarm.cold[bin] = wasWarm ? 1 : 0;
    const nextWarm = (staysWarm ? warm : restarted) + gain;
    cold = wasWarm ? warm : cold;
    warm = nextWarm;
  }
  const windows: WarmWindow[] = [];
  let end = gains.length;
  let isWarm = warm > cold;
  for (let bin = gains.length - 1; bin >= 0; bin--) {
    const before = (isWarm ? cameFromWarm.warm : cameFromWarm.cold)[bin] === 1;
    if (isWarm && !before) windows.unshift({ fromMs: edgeMs(bin), toMs: edgeMs(end) });
    if (!isWarm && before) end = bin;
    isWarm = before;
  }
  return windows;
}
