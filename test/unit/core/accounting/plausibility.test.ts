// What a node may report of the end of an attempt.

import { expect, test } from "@jest/globals";
import {
  boundedEnd,
  doubtOfEnd,
  longestHeldMs,
} from "../../../../src/core/accounting/plausibility.js";

const order = {
  ...{ cores: 1, memoryMb: 100, timeLimitMs: 60_000, leadMs: 0, killWaitMs: 0 },
  ...{ isCall: true, elapsedMs: 10, isCancelled: null },
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
