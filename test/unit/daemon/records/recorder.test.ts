// What the daemon writes of Slurm's jobs: each record once, and an end for the jobs that slurmctld forgot.

import { expect, test } from "@jest/globals";
import { pino } from "pino";
import type { Store } from "../../../../src/core/ports/store.js";
import { Recorder } from "../../../../src/daemon/records/recorder.js";
import { jobId, nodeName } from "../../../../src/model/ids.js";
import type { Job } from "../../../../src/model/slurm/job.js";
import type { Snapshot } from "../../../../src/model/slurm/snapshot.js";
import { storeForEachTest } from "../../../support/store/store.js";

let store: Store;
storeForEachTest((opened) => {
  store = opened;
});

const log = pino({ enabled: false });
const newRecorder = () => new Recorder(store, log, 15_000);

const running = (id: number, startAtMs: number): Job => ({
  id: jobId(id),
  displayId: String(id),
  name: "mpi",
  user: "bob",
  account: "physics",
  partition: "batch",
  qos: "normal",
  state: "RUNNING",
  cores: 4,
  nodeCount: 1,
  nodes: [nodeName("n1")],
  submittedAtMs: 0,
  startAtMs,
  endAtMs: startAtMs + 600_000,
  timeLimitMs: 600_000,
  plannedNodes: [],
  reason: "None",
});

const read = (recorder: Recorder, atMs: number, jobs: Job[], unreadable: string[] = []) =>
  recorder.snapshotRead({
    facts: {} as Snapshot["facts"],
    nodes: [],
    shares: new Map(),
    jobs,
    partitions: [],
    reservations: [],
    nodesAskedAtMs: atMs,
    nodesReadAtMs: atMs,
    jobsAskedAtMs: atMs,
    unreadable,
  });

/** Each record's job, start and end; writes are done in their order, so a read after them sees them all. */
async function ends(): Promise<readonly (number | null)[][]> {
  await store.setDrained(nodeName("n9"), null, 0);
  const { jobs } = await store.loadUtilization(0, 1_000_000);
  return jobs.map(({ id, startedAtMs, endedAtMs }) => [id, startedAtMs, endedAtMs]);
}

test("a job that slurmctld forgot while the daemon was down ends with the first read after", async () => {
  read(newRecorder(), 2_000, [running(1, 1_000), running(2, 1_500)]);
  expect(await ends()).toEqual([
    [1, 1_000, null],
    [2, 1_500, null],
  ]);
  read(newRecorder(), 9_000, [running(2, 1_500)]);
  expect(await ends()).toEqual([
    [1, 1_000, 9_000],
    [2, 1_500, null],
  ]);
});

test("a job that vanishes with its record open ends then; one whose end was read keeps it", async () => {
  const recorder = newRecorder();
  read(recorder, 2_000, [running(1, 1_000), running(2, 1_500)]);
  read(recorder, 3_000, [
    running(1, 1_000),
    { ...running(2, 1_500), state: "COMPLETED", endAtMs: 2_500 },
  ]);
  read(recorder, 4_000, []);
  expect(await ends()).toEqual([
    [1, 1_000, 4_000],
    [2, 1_500, 2_500],
  ]);
});

test("a requeued job ends while it waits, and begins again", async () => {
  const recorder = newRecorder();
  read(recorder, 2_000, [running(1, 1_000)]);
  read(recorder, 3_000, [{ ...running(1, 1_000), state: "PENDING", nodes: [], startAtMs: null }]);
  read(recorder, 5_000, [running(1, 4_000)]);
  read(recorder, 7_000, [running(1, 6_000)]);
  expect(await ends()).toEqual([
    [1, 1_000, 3_000],
    [1, 4_000, 6_000],
    [1, 6_000, null],
  ]);
});

test("a read with lines that made no sense ends nothing; the next good one does", async () => {
  const recorder = newRecorder();
  read(recorder, 2_000, [running(1, 1_000)]);
  read(recorder, 3_000, [], ["a line of squeue's"]);
  expect(await ends()).toEqual([[1, 1_000, null]]);
  read(recorder, 4_000, []);
  expect(await ends()).toEqual([[1, 1_000, 4_000]]);
});
