// A preempted pilot's last words: what it evicts, checked as any stranger's, and counted by what the daemon had given it.

import { expect, test } from "@jest/globals";
import { notePreempted, notePreemption } from "../../../../src/daemon/executors/hook-reports.js";
import type { Recorder } from "../../../../src/daemon/records/recorder.js";
import { ExecutorRecord } from "../../../../src/daemon/state/registry.js";
import { executorId, invocationId, jobId, nodeName } from "../../../../src/model/ids.js";
import type { Eviction } from "../../../../src/model/records/utilization.js";
import { checkExecutorMessage } from "../../../../src/wire/checks.js";
import type { AttemptReport, ExecutorMessage } from "../../../../src/wire/messages.js";

const report = (invocation: number): AttemptReport => ({
  invocation: invocationId(invocation),
  attempt: 1,
  end: "EVICTED",
  exitCode: null,
  signal: null,
  wallMs: 1_000,
  cpuMs: 0,
  maxRssMb: 0,
  reason: "Slurm ended pilot job 9",
  agoMs: 0,
});
const preempted = (evicted: readonly AttemptReport[]) =>
  ({ type: "preempted", job: jobId(9), lostCoreMs: 1_000, evicted }) as const;

test("what it says is taken as it is, and refused where a report is none", () => {
  const message: ExecutorMessage = preempted([report(1), report(2)]);
  expect(checkExecutorMessage(message)).toEqual(message);
  const hostile = { ...message, evicted: [{ ...report(1), end: "PAID" }] };
  expect(() => checkExecutorMessage(hostile)).toThrow(/end/);
});

test("an order that it has not read is evicted with the others", () => {
  const evictions: Eviction[] = [];
  const recorder = {
    holdingChanged: () => {},
    evicted: (eviction: Eviction) => evictions.push(eviction),
  } as unknown as Recorder;
  const record = new ExecutorRecord(executorId("n1.1"), nodeName("n1"), "n1", 0, "pilot");
  const held = { attempt: 1, cores: 1, memoryMb: 100, gpus: 0, ordered: null };
  for (const id of [1, 2]) record.attempts.set(invocationId(id), held);
  notePreemption(record, preempted([report(1)]));
  record.attempts.delete(invocationId(1));
  notePreempted(record, recorder);
  expect(evictions).toMatchObject([{ node: "n1", jobId: 9, attempts: 2, lostCoreMs: 1_000 }]);
});
