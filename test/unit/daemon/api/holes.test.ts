// Whether waiting work would fit into an executor's idle cores, as glean explain says, considering
// all its needs.

import { beforeEach, expect, test } from "@jest/globals";
import { nowMs } from "../../../../src/clock.js";
import { digestOf } from "../../../../src/core/submission/digest.js";
import { unusedHoles } from "../../../../src/daemon/api/holes.js";
import { ExecutorRecord } from "../../../../src/daemon/state/executor-record.js";
import type { LiveInvocations } from "../../../../src/daemon/state/live.js";
import type { Registry } from "../../../../src/daemon/state/registry.js";
import { executorId, nodeName } from "../../../../src/model/ids.js";
import type { Invocation } from "../../../../src/model/invocation.js";
import { newState } from "../../../support/daemon/state.js";
import { invocation, job, node, snapshot, submission } from "../../../support/nouns.js";

const n1 = nodeName("n1");
const expectedMs = 5_000;
let record: ExecutorRecord;
let live: LiveInvocations;
let registry: Registry;

beforeEach(() => {
  ({ live, registry } = newState());
  record = new ExecutorRecord(executorId("x1"), n1, "127.0.0.1", 0);
  record.become("starting");
  record.become("ready");
  record.line = { send: () => true, close: () => {} };
  record.claimed = { cores: 8, memoryMb: 8_000, gpus: [0, 1] };
  record.order(record.claimed);
  registry.add(record);
});

function why(waits: Partial<Invocation>): string {
  const made = invocation({ cores: 1, memoryMb: 100, gpus: 0, ...waits });
  live.add({ invocation: made, digest: digestOf(1_000, submission()) }, null);
  const capacity = { snapshot: snapshot({ nodes: [node({ name: n1, cores: 8 })] }), plan: null };
  const learning = { vacateMs: 200, expectedMs: () => expectedMs };
  const [hole] = unusedHoles({ capacity, registry, live, learning, pilots: null }, null).holes;
  return hole!.why;
}

test("work that fits is about to start", () => {
  expect(why({ gpus: 2 })).toMatch(/about to start/);
});

test.each([
  ["cores", { cores: 9 }],
  ["memory", { memoryMb: 8_001 }],
  ["GPUs", { gpus: 3 }],
])("work that needs more %s than are free is not about to start", (_what, need) => {
  expect(why(need)).toMatch(/fits into the 8 cores, 8000 MB and 2 GPUs that are free/);
});

test("work that would outlive its pilot is not about to start", () => {
  record.timeIsOverAtMs = nowMs() + expectedMs;
  expect(why({})).toMatch(/or would end in time/);
});

test("the cores of a suspended job are not idle", () => {
  const nodes = [node({ name: n1, cores: 8, allocatedMemoryMb: 100 })];
  const jobs = [job({ state: "SUSPENDED", nodes: [n1], cores: 6 })];
  const capacity = { snapshot: snapshot({ nodes, jobs }), plan: null };
  const learning = { vacateMs: 200, expectedMs: () => expectedMs };
  expect(unusedHoles({ capacity, registry, live, learning, pilots: null }, null).idleCores).toBe(2);
});
