// A clock that a test sets: gleanerd's own time jumps, and what waits goes on as it did.

import { type Time, useTime } from "../../../src/clock.js";

export interface ShiftedClock {
  forward(ms: number): void;
  /** Somebody sets the wall clock; nothing else jumps. */
  setWall(byMs: number): void;
  /** The machine's clock again. */
  restore(): void;
}

export function shiftedClock(): ShiftedClock {
  let shiftMs = 0;
  let wallMs = 0;
  const ns = () => process.hrtime.bigint() + BigInt(shiftMs) * 1_000_000n;
  const time: Time = {
    monotonicMs: () => Math.floor(performance.now()) + shiftMs,
    nowMs: () => Math.floor(performance.timeOrigin + performance.now()) + shiftMs + wallMs,
    machineMonotonicNs: ns,
    setTimeout: (callback, delayMs) => globalThis.setTimeout(callback, delayMs),
    clearTimeout: (timer) => globalThis.clearTimeout(timer as NodeJS.Timeout),
    setImmediate: (callback) => void globalThis.setImmediate(callback),
    standStill: () => false,
  };
  const restore = useTime(time);
  return {
    forward: (ms) => {
      shiftMs += ms;
    },
    setWall: (byMs) => {
      wallMs += byMs;
    },
    restore,
  };
}
