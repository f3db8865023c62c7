// What a node may report of the end of an attempt.

import { expect, test } from "@jest/globals";
import {
  boundedEnd,
  doubtOfEnd,
  longestHeldMs,
} from "../../../../src/core/accounting/plausibility.js";

const order = {
  ...{ cores: 1, memoryMb: 100, timeLimitMs: 60_000, leadMs: 0, killWaitMs: 0 },
  ...{ isCall: true, elapsedMs: 10, isCancelled: null, leastLimitMs: 60_000 },
};
const said = { exitCode: 0, signal: null, wallMs: 5, cpuMs: 5, maxRssMb: 1, agoMs: 0 };

test("only a failed attempt can have been interrupted", () => {
  const interrupted = (end: "COMPLETED" | "FAILED" | "EVICTED") =>
    doubtOfEnd({ ...said, end, isInterrupted: true }, order);
  expect(interrupted("FAILED")).toBeNull();
  expect(interrupted("COMPLETED")).toBe("it is reported as interrupted, but as COMPLETED");
  expect(interrupted("EVICTED")).toBe("it is reported as interrupted, but as EVICTED");
});

test("the worker of a call may start for as long as its time limit, and the call then last as long", () => {
  const timeLimitMs = 3_600_000;
  const call = { ...order, timeLimitMs, elapsedMs: 3 * timeLimitMs };
  const command = { ...call, isCall: false };
  expect(longestHeldMs(call, false)).toBeGreaterThan(2 * timeLimitMs);
  expect(longestHeldMs(command, false)).toBeLessThan(2 * timeLimitMs);
  const long = { ...said, end: "TIMEOUT", wallMs: 2 * timeLimitMs } as const;
  expect(boundedEnd(long, call).wallMs).toBe(2 * timeLimitMs);
  expect(boundedEnd(long, command).wallMs).toBeLessThan(2 * timeLimitMs);
});

test("what runs while its time limit changes may go by the one before and by the one after", () => {
  const changed = { ...order, isCall: false, timeLimitMs: 3_600_000, leastLimitMs: 600_000 };
  const ended = { ...said, end: "TIMEOUT", wallMs: 600_000 } as const;
  expect(doubtOfEnd(ended, { ...changed, elapsedMs: 600_000 })).toBeNull();
  expect(doubtOfEnd({ ...ended, wallMs: 1 }, { ...changed, elapsedMs: 500_000 })).toBe(
    "it reportedly reached its time limit of 600000 ms, but was ordered 500000 ms ago",
  );
  // The change ended it after 50 min.
  const late = { ...ended, wallMs: 3_000_000 };
  expect(boundedEnd(late, { ...changed, elapsedMs: 3_000_100 }).wallMs).toBe(3_000_000);
});
