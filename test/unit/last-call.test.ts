// In a pilot a command that Slurm's SIGTERM ended is evicted, whichever of the two this process hears of first.

import { expect, jest, test } from "@jest/globals";
import { LastCall } from "../../src/executor/last-call.js";
import type { Outcome } from "../../src/executor/outcome.js";

const failed: Outcome = {
  end: "FAILED",
  exitCode: null,
  signal: 15,
  wallMs: 40,
  cpuMs: 1,
  maxRssMb: 1,
  reason: "it was ended by signal 15",
};
const evicted = { ...failed, end: "EVICTED", reason: "Slurm ended pilot job 7" };

/** Two turns of the loop, and one more. */
const turns = async () => {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
};

test("without a word of Slurm's a command's end is its own", async () => {
  const told: Outcome[] = [];
  new LastCall().pass(failed, (outcome) => told.push(outcome));
  expect(told).toEqual([]);
  await turns();
  expect(told).toEqual([failed]);
});

test("an end that is handled before the signals that came first is evicted", async () => {
  const told: Outcome[] = [];
  const lastCall = new LastCall();
  lastCall.pass(failed, (outcome) => told.push(outcome));
  lastCall.warned();
  await turns();
  expect(told).toEqual([]);
  lastCall.taken("Slurm ended pilot job 7");
  expect(told).toEqual([evicted]);
});

test("what ends after SIGTERM is evicted, also what ended well: it may have been told to", async () => {
  const told: Outcome[] = [];
  const lastCall = new LastCall();
  lastCall.taken("Slurm ended pilot job 7");
  lastCall.pass({ ...failed, end: "COMPLETED" }, (outcome) => told.push(outcome));
  await turns();
  expect(told).toEqual([evicted]);
});

test("a SIGCONT that no SIGTERM follows delays an end and changes nothing", async () => {
  jest.useFakeTimers({ doNotFake: ["setImmediate"] });
  try {
    const told: Outcome[] = [];
    const lastCall = new LastCall();
    lastCall.warned();
    lastCall.pass(failed, (outcome) => told.push(outcome));
    await turns();
    expect(told).toEqual([]);
    jest.advanceTimersByTime(1_000);
    expect(told).toEqual([failed]);
  } finally {
    jest.useRealTimers();
  }
});
