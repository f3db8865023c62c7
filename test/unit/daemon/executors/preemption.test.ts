// A preempted pilot's last message: its evictions, checked like any stranger's, and counted by what
// the daemon had given it.

import { expect, test } from "@jest/globals";
import { digestOf } from "../../../../src/core/submission/digest.js";
import { notePreempted, notePreemption } from "../../../../src/daemon/executors/hook-reports.js";
import { doubtOf } from "../../../../src/daemon/executors/testimony.js";
import type { Recorder } from "../../../../src/daemon/records/recorder.js";
import { ExecutorRecord } from "../../../../src/daemon/state/executor-record.js";
import { LiveInvocations } from "../../../../src/daemon/state/live.js";
import { executorId, invocationId, jobId, nodeName } from "../../../../src/model/ids.js";
import type { Eviction } from "../../../../src/model/records/utilization.js";
import { checkExecutorMessage } from "../../../../src/wire/checks.js";
import type { AttemptReport, ExecutorMessage } from "../../../../src/wire/messages.js";
import { invocation, submission } from "../../../support/nouns.js";

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

test("an executor that is no pilot is not preempted, and a pilot reports no other's attempts", () => {
  const live = new LiveInvocations();
  const each = live.add({ invocation: invocation(), digest: digestOf(1_000, submission()) }, null);
  const [mine, other] = ["x1", "x2"].map(
    (id) => new ExecutorRecord(executorId(id), nodeName("n1"), "n1", 0, "pilot"),
  );
  const doubt = (of: ExecutorRecord) => doubtOf(of, preempted([report(1)]), { live, graceMs: 0 });
  live.begin(each, other!.id, { attempt: 1, startedAtMs: 0, node: nodeName("n1") });
  expect(doubt(mine!)).toMatch(/attempt 1 of invocation 1/);
  const held = { attempt: 1, cores: 1, memoryMb: 100, gpus: 0 };
  other!.attempts.set(invocationId(1), { ...held, ordered: null });
  expect(doubt(other!)).toMatch(/before it was ordered/);
  other!.attempts.set(invocationId(1), { ...held, ordered: { atMs: 0, leadMs: 0 } });
  expect(doubt(other!)).toBeNull();
  const direct = new ExecutorRecord(executorId("x3"), nodeName("n1"), "n1", 0);
  expect(doubtOf(direct, preempted([]), { live, graceMs: 0 })).not.toBeNull();
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
