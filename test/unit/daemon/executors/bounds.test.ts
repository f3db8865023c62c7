// How much one executor, whatever it says, may have gleanerd record and believe.

import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { Store } from "../../../../src/core/ports/store.js";
import type { ExecutorRecord } from "../../../../src/daemon/state/executor-record.js";
import { workerKey } from "../../../../src/model/call.js";
import { jobId, versionId } from "../../../../src/model/ids.js";
import { HostileSite, type ScriptedExecutor } from "../../../support/daemon/hostile-site.js";
import { storeForEachTest } from "../../../support/store/store.js";

const budget = { cores: 4, memoryMb: 4_000, gpus: [] };

let store: Store;
storeForEachTest((opened) => {
  store = opened;
});

let site: HostileSite;
let evil: ScriptedExecutor;
let record: ExecutorRecord;

beforeEach(async () => {
  site = new HostileSite(store);
  await site.start();
  evil = await site.executorOn("evil", budget.cores);
  evil.ready(budget);
  await evil.isHeard();
  record = site.parts.registry.get(evil.spec.executor)!;
});

afterEach(() => site.end());

test("jobs that come and go endlessly are known, but fill neither the disk nor reports", async () => {
  let reported = 0;
  site.parts.events.subscribe(["hookReported"], () => void reported++);
  const jobs = 2_000;
  for (let job = 1; job <= jobs; job++) {
    const at = { job: jobId(job), agoMs: 0 };
    const none = { cores: 1, gpus: [], tookMs: 0, evicted: [], lostCoreMs: 0 };
    evil.say({ type: "jobBegan", sequence: 2 * job - 1, ...at, ...none });
    if (job < jobs) evil.say({ type: "jobEnded", sequence: 2 * job, ...at });
  }
  await evil.isHeard();
  expect([...record.markedJobs]).toEqual([[jobs, 2 * jobs - 1]]);
  expect(reported).toBeGreaterThanOrEqual(2_000);
  // It earns 4 a second.
  expect(reported).toBeLessThan(3_000);
});

test("it has no more idle workers than have room on its node", async () => {
  const version = versionId("0".repeat(64));
  const kind = { uid: 7, version, cores: 1, memoryMb: 1_500, gpus: 0 };
  const huge = { ...kind, memoryMb: 5_000 };
  const count = 65_536;
  evil.say({
    type: "warm",
    workers: [kind, huge].map((each) => ({ ...each, count })),
  });
  await evil.isHeard();
  expect([kind, huge].map((each) => record.idleWorkers.saidOf(workerKey(each)))).toEqual([2, 0]);
});
