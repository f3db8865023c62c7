// The disk under the database is full: everything that cannot be recorded is told, and nothing
// floods the log, which may be on that disk, too.

import { beforeEach, expect, test } from "@jest/globals";
import { type Logger, pino } from "pino";
import type { Store } from "../../../../src/core/ports/store.js";
import { digestOf } from "../../../../src/core/submission/digest.js";
import { lostFacts } from "../../../../src/daemon/invocations/ends/end-facts.js";
import { Settler } from "../../../../src/daemon/invocations/settle.js";
import { Conditions } from "../../../../src/daemon/records/conditions.js";
import { Recorder } from "../../../../src/daemon/records/recorder.js";
import { executorId, jobId, nodeName } from "../../../../src/model/ids.js";
import { newState } from "../../../support/daemon/state.js";
import { invocation, job, snapshot, submission } from "../../../support/nouns.js";
import { sampleRates } from "../../../support/store/samples.js";

const refuse = async () => {
  throw new Error("database or disk is full");
};
const store = new Proxy({}, { get: () => refuse }) as unknown as Store;
const often = 100;

let lines: string[];
let log: Logger;
const turns = async () => {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
};

beforeEach(() => {
  lines = [];
  log = pino({}, { write: (line: string) => void lines.push(line) });
});

function expectFew(message: string): void {
  const told = lines.filter((line) => line.includes(message));
  expect(told.length).toBeGreaterThan(0);
  expect(told.length).toBeLessThanOrEqual(10);
}

test("ends that cannot be recorded are logged a few times a minute, and reported to each caller", async () => {
  const { events, live } = newState();
  const policy = { rates: sampleRates, maxLostAttempts: 5 };
  const settler = new Settler(live, store, events, policy, log);
  const each = live.add({ invocation: invocation(), digest: digestOf(1_000, submission()) }, null);
  live.begin(each, executorId("n1.00000001"), { attempt: 1, startedAtMs: 0, node: nodeName("n1") });
  const facts = lostFacts({ invocation: each.id, attempt: 1 }, "its node is gone");
  for (let time = 0; time < often; time++)
    await expect(settler.settle(facts)).rejects.toThrow("disk is full");
  expectFew("cannot record an end");
  expect(each.invocation.state).toBe("RUNNING");
});

test("records that reports will lack are logged a few times a minute", async () => {
  const { events, registry } = newState();
  new Recorder(store, events, log, 60_000);
  new Conditions(store, registry, events, 200, log);
  for (let time = 0; time < often; time++) {
    const read = snapshot({ jobs: [job({ id: jobId(1_000 + time) })] });
    events.publish({ type: "snapshotRead", snapshot: read });
    const reason = { kind: "drained", by: "root" } as never;
    const unusable = time % 2 === 0 ? [{ node: nodeName("n1"), reason }] : [];
    const plan = { steps: [], holes: [], unusable, madeFromMs: time };
    events.publish({ type: "planApplied", plan: plan as never });
    await turns();
  }
  expectFew("utilization report");
  expectFew("idle report");
});
