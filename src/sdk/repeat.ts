// Repeats a request whose connection broke, while the daemon may be restarting.

import { setTimeout as pause } from "node:timers/promises";
import { monotonicMs } from "../clock.js";
import { GleanerError } from "../model/errors.js";
import { BrokenOffError, RefusedForNowError } from "./http/answer.js";

/**
 * A restarting daemon is back within these pauses; the request's id prevents a repetition from
 * counting twice.
 */
const pausesMs = [200, 800, 2_000, 4_000];

/**
 * `send` hears whether the request was sent before; `openEnd` says what may have happened if the
 * daemon does not come back.
 */
export async function repeated<T>(
  send: (isAgain: boolean) => Promise<T>,
  openEnd: string,
  signal?: AbortSignal,
): Promise<T> {
  let brokenOff: BrokenOffError | null = null;
  for (const pauseMs of [0, ...pausesMs]) {
    if (pauseMs > 0) await rest(pauseMs, signal);
    try {
      return await send(brokenOff !== null);
    } catch (error) {
      const isOpen = error instanceof GleanerError && error.code === "UNREACHABLE";
      if (error instanceof BrokenOffError) brokenOff = error;
      else if (!isOpen || brokenOff === null) throw error;
    }
  }
  throw new GleanerError("UNREACHABLE", openEnd, { cause: brokenOff });
}

const longestTurnMs = 5_000;
/** Whoever is refused for longer is told so. */
const turnPatienceMs = 30_000;

/**
 * Sends a request again that the daemon refused for the moment, when it says, for half a minute at
 * most. Clients that were refused together come back apart from each other.
 */
export async function inTurn<T>(send: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  const sinceMs = monotonicMs();
  for (;;) {
    try {
      return await send();
    } catch (error) {
      if (!(error instanceof RefusedForNowError)) throw error;
      const pauseMs = Math.min(longestTurnMs, error.retryAfterMs) * (1 + Math.random());
      if (monotonicMs() + pauseMs - sinceMs > turnPatienceMs) throw error;
      await rest(pauseMs, signal);
    }
  }
}

const firstPauseMs = 250;
const longestPauseMs = 10_000;
/** Longer than any restart or failover takes. */
const patienceMs = 10 * 60_000;

/** Repeats a question until the daemon answers; after ten minutes rejects with UNREACHABLE. */
export async function patiently<T>(
  ask: () => Promise<T>,
  gaveUp: string,
  signal?: AbortSignal,
): Promise<T> {
  const sinceMs = monotonicMs();
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(longestPauseMs, pauseMs * 2)) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof GleanerError) || error.code !== "UNREACHABLE") throw error;
      if (monotonicMs() - sinceMs > patienceMs)
        throw new GleanerError("UNREACHABLE", gaveUp, { cause: error });
      await rest(pauseMs, signal);
    }
  }
}

/** Rejects with the signal's reason once it is aborted. */
async function rest(pauseMs: number, signal: AbortSignal | undefined): Promise<void> {
  await pause(pauseMs, undefined, signal === undefined ? {} : { signal }).catch(() =>
    signal!.throwIfAborted(),
  );
}

/** Rejects with the signal's reason once it is aborted; the promise goes on for others. */
export function unlessAborted<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const aborted = () => reject(signal.reason);
    if (signal.aborted) aborted();
    signal.addEventListener("abort", aborted);
    const settled = () => signal.removeEventListener("abort", aborted);
    promise.then(resolve, reject).finally(settled);
  });
}
