// Patience in what a machine gets done, not in seconds: beside 40 busy processes a second is worth a twentieth of one on two
// processors that are idle otherwise.

import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";

const lookIntervalMs = 1_000;

/** How many times longer work takes now than on an idle machine: who wants a processor, for each that there is. */
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

  /** To be asked again and again: the load at each question stands for the time since the one before. */
  get isOver() {
    const nowMs = performance.now();
    this.#leftMs -= (nowMs - this.#askedAtMs) / slowdown();
    this.#askedAtMs = nowMs;
    return this.#leftMs <= 0;
  }
}

/** Calls back once patience is over; clearTimeout() takes what it returns. */
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
