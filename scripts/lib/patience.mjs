// Limits that count a machine's progress, not seconds: beside 40 busy processes, a second is worth
// a twentieth of one on two otherwise idle processors.

import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";

const lookIntervalMs = 1_000;

/**
 * How many times longer work takes now than on an idle machine: the processes that want a
 * processor, per processor.
 */
function slowdown() {
  const [, wanting] = / (\d+)\/\d+ /.exec(readFileSync("/proc/loadavg", "latin1")) ?? [];
  return Math.max(1, Number(wanting ?? 1) / availableParallelism());
}

export class Patience {
  #leftMs;
  #askedAtMs = performance.now();

  /** @param {number} limitMs on an idle machine */
  constructor(limitMs) {
    this.#leftMs = limitMs;
  }

  /** To be called repeatedly: the load at each call represents the time since the previous one. */
  get isOver() {
    const nowMs = performance.now();
    this.#leftMs -= (nowMs - this.#askedAtMs) / slowdown();
    this.#askedAtMs = nowMs;
    return this.#leftMs <= 0;
  }
}

/** Calls back once the limit has passed; clearTimeout() accepts what it returns. */
export function afterPatience(limitMs, callback) {
  const patience = new Patience(limitMs);
  const look = () => {
    if (!patience.isOver) return;
    clearInterval(interval);
    callback();
  };
  const interval = setInterval(look, Math.min(limitMs, lookIntervalMs));
  return interval;
}
