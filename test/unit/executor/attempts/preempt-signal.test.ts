// In a pilot a command's end is its own only when no signal of Slurm's may have been its cause.

import { beforeEach, expect, jest, test } from "@jest/globals";
import { Attempts } from "../../../../src/executor/attempts/attempts.js";
import { PreemptSignal } from "../../../../src/executor/attempts/preempt-signal.js";
import { processGroups } from "../../../../src/executor/containment/process-groups.js";
import type { RunEvents, Runtime } from "../../../../src/executor/runtimes/runtime.js";
import type { AttemptKey } from "../../../../src/wire/messages.js";
import { attemptOrder } from "../../../support/executor/orders.js";

let settled = 0;
const settle = () => {
  settled++;
};

beforeEach(() => {
  settled = 0;
});

/** Two turns of the loop, and one more. */
const turns = async () => {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
};

test("a command's end is its own unless Slurm has signalled a preemption", async () => {
  new PreemptSignal().pass(settle);
  expect(settled).toBe(0);
  await turns();
  expect(settled).toBe(1);
});

test.each(["before", "after"])(
  "a command whose end is handled %s SIGCONT runs on for us, until it is clear that no SIGTERM follows",
  async (order) => {
    jest.useFakeTimers({ doNotFake: ["setImmediate"] });
    try {
      const preemptSignal = new PreemptSignal();
      if (order === "after") preemptSignal.warned();
      preemptSignal.pass(settle);
      if (order === "before") preemptSignal.warned();
      await turns();
      jest.advanceTimersByTime(999);
      expect(settled).toBe(0);
      jest.advanceTimersByTime(1);
      expect(settled).toBe(1);
      preemptSignal.pass(settle);
      await turns();
      expect(settled).toBe(2);
    } finally {
      jest.useRealTimers();
    }
  },
);

test("an attempt whose end is not settled yet is evicted by SIGTERM", async () => {
  const ended: AttemptKey[] = [];
  const events = {
    onStarted: () => {},
    onEnded: (key: AttemptKey) => ended.push(key),
    onHung: () => {},
    onNodeFull: () => {},
    isNodeShortOf: () => true,
    onTrouble: () => {},
  };
  const spec = { killWaitMs: 1_000 };
  const group = processGroups.openGroup("1.1", { cores: 1, memoryMb: 100, gpus: [] });
  let tell: RunEvents | undefined;
  const runtime: Runtime = {
    hasIdle: false,
    seatFor: () => null,
    yieldTo: async () => {},
    hold: () => [],
    prepare: () => ({
      group,
      gpus: [],
      start: (told) => {
        tell = told;
        return { terminate: () => {}, notify: () => {}, kill: () => {} };
      },
      log: () => null,
      phases: () => null,
      lease: () => null,
      release: () => {},
    }),
  };
  const { pass } = new PreemptSignal();
  const attempts = new Attempts(processGroups, spec, runtime, events, pass);
  attempts.start(attemptOrder(), { cores: 1, memoryMb: 100, gpus: [] });
  tell!.onEnd({ kind: "vanished", message: "glean-spawn ended" });
  expect(attempts.keys).toEqual([{ invocation: 1, attempt: 1 }]);
  expect(ended).toEqual([]);
  await turns();
  expect(attempts.keys).toEqual([]);
  expect(ended).toEqual([{ invocation: 1, attempt: 1 }]);
});
