// A preempted pilot's last message: its evictions, checked like any stranger's, and counted by what
// the daemon had given it.

import { expect, test } from "@jest/globals";
import { digestOf } from "../../../../src/core/submission/digest.js";
import { notePreempted, notePreemption } from "../../../../src/daemon/executors/hook-reports.js";
import { doubtOf } from "../../../../src/daemon/executors/testimony.js";
import { ExecutorRecord } from "../../../../src/daemon/state/executor-record.js";
import { executorId, invocationId, jobId, nodeName } from "../../../../src/model/ids.js";
import type { Eviction } from "../../../../src/model/records/utilization.js";
import { checkExecutorMessage } from "../../../../src/wire/checks.js";
import type { AttemptReport, ExecutorMessage } from "../../../../src/wire/messages.js";
import { give, newState } from "../../../support/daemon/state.js";
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

test("a report of a preemption is read unchanged, and refused if an attempt's report is invalid", () => {
  const message: ExecutorMessage = preempted([report(1), report(2)]);
  expect(checkExecutorMessage(message)).toEqual(message);
  const hostile = { ...message, evicted: [{ ...report(1), end: "PAID" }] };
  expect(() => checkExecutorMessage(hostile)).toThrow(/end/);
});

test("a preemption is not believed of a direct executor, nor for another's attempts", () => {
  const { live, registry } = newState();
  const each = live.add({ invocation: invocation(), digest: digestOf(1_000, submission()) }, null);
  const [mine, other] = ["x1", "x2"].map(
    (id) => new ExecutorRecord(executorId(id), nodeName(`on ${id}`), "", 0, "pilot"),
  );
  registry.add(other!);
  const doubt = (of: ExecutorRecord) => doubtOf(of, preempted([report(1)]), { live, graceMs: 0 });
  const begun = { attempt: 1, startedAtMs: 0, node: nodeName("n1") };
  const assignment = live.begin(each, other!.id, begun);
  expect(doubt(mine!)).toMatch(/attempt 1 of invocation 1/);
  expect(doubt(other!)).toMatch(/before it was ordered/);
  live.assignments.order(assignment, { atMs: 0, leadMs: 0 });
  expect(doubt(other!)).toBeNull();
  const direct = new ExecutorRecord(executorId("x3"), nodeName("n1"), "n1", 0);
  expect(doubtOf(direct, preempted([]), { live, graceMs: 0 })).not.toBeNull();
});

test("an attempt whose order the pilot has not read is evicted with the others", () => {
  const evictions: Eviction[] = [];
  const record = new ExecutorRecord(executorId("n1.1"), nodeName("n1"), "n1", 0, "pilot");
  const { events, registry, assignments } = newState();
  events.subscribe(["evicted"], ({ eviction }) => evictions.push(eviction));
  registry.add(record);
  const [first] = [1, 2].map((id) => give(assignments, record.id, id));
  notePreemption(record, preempted([report(1)]));
  assignments.return(first!);
  notePreempted(record, events);
  expect(evictions).toMatchObject([{ node: "n1", jobId: 9, attempts: 2, lostCoreMs: 1_000 }]);
});
