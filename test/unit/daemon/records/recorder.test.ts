// What the daemon records of Slurm's jobs: each record once, and an end for the jobs that slurmctld
// forgot.

import { describe, expect, test } from "@jest/globals";
import { pino } from "pino";
import { type Time, useTime } from "../../../../src/clock.js";
import type { Store } from "../../../../src/core/ports/store.js";
import { Recorder } from "../../../../src/daemon/records/recorder.js";
import type { Events } from "../../../../src/daemon/state/events.js";
import { ExecutorRecord } from "../../../../src/daemon/state/executor-record.js";
import { executorId, jobId, nodeName } from "../../../../src/model/ids.js";
import type { Holding } from "../../../../src/model/records/utilization.js";
import type { Job } from "../../../../src/model/slurm/job.js";
import type { Node } from "../../../../src/model/slurm/node.js";
import type { Snapshot } from "../../../../src/model/slurm/snapshot.js";
import { newState } from "../../../support/daemon/state.js";
import { node } from "../../../support/nouns.js";
import { storeForEachTest } from "../../../support/store/store.js";

let store: Store;
storeForEachTest((opened) => {
  store = opened;
});

const log = pino({ enabled: false });
/** Each has a stream of its own, as a daemon has. */
function newRecorder() {
  const { events } = newState();
  return { events, recorder: new Recorder(store, events, log, 15_000) };
}

type Known = ReturnType<typeof newRecorder>;

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

const read = (
  events: Events,
  atMs: number,
  jobs: Job[],
  unreadable: string[] = [],
  nodes: Node[] = [],
) =>
  events.publish({
    type: "snapshotRead",
    snapshot: {
      facts: {} as Snapshot["facts"],
      nodes,
      shares: new Map(),
      jobs,
      partitions: [],
      reservations: [],
      nodesAskedAtMs: atMs,
      nodesReadAtMs: atMs,
      jobsAskedAtMs: atMs,
      unreadable,
    },
  });

/** Each record's job, start and end; writes happen in order, so a read after them sees them all. */
async function ends(): Promise<readonly (number | null)[][]> {
  await store.setDrained(nodeName("n9"), null, 0);
  const { jobs } = await store.loadUtilization(0, 1_000_000);
  return jobs.map(({ id, startedAtMs, endedAtMs }) => [id, startedAtMs, endedAtMs]);
}

test("a job that slurmctld forgot while the daemon was down ends at the first read", async () => {
  read(newRecorder().events, 2_000, [running(1, 1_000), running(2, 1_500)]);
  expect(await ends()).toEqual([
    [1, 1_000, null],
    [2, 1_500, null],
  ]);
  read(newRecorder().events, 9_000, [running(2, 1_500)]);
  expect(await ends()).toEqual([
    [1, 1_000, 9_000],
    [2, 1_500, null],
  ]);
});

test("a job that vanishes without an end ends then; one whose end was read keeps it", async () => {
  const { events } = newRecorder();
  read(events, 2_000, [running(1, 1_000), running(2, 1_500)]);
  read(events, 3_000, [
    running(1, 1_000),
    { ...running(2, 1_500), state: "COMPLETED", endAtMs: 2_500 },
  ]);
  read(events, 4_000, []);
  expect(await ends()).toEqual([
    [1, 1_000, 4_000],
    [2, 1_500, 2_500],
  ]);
});

test("a requeued job ends while it waits, and begins again", async () => {
  const { events } = newRecorder();
  read(events, 2_000, [running(1, 1_000)]);
  read(events, 3_000, [{ ...running(1, 1_000), state: "PENDING", nodes: [], startAtMs: null }]);
  read(events, 5_000, [running(1, 4_000)]);
  read(events, 7_000, [running(1, 6_000)]);
  expect(await ends()).toEqual([
    [1, 1_000, 3_000],
    [1, 4_000, 6_000],
    [1, 6_000, null],
  ]);
});

test("a read with unreadable lines ends no job; the next good one does", async () => {
  const { events } = newRecorder();
  read(events, 2_000, [running(1, 1_000)]);
  read(events, 3_000, [], ["a line of squeue's"]);
  expect(await ends()).toEqual([[1, 1_000, null]]);
  read(events, 4_000, []);
  expect(await ends()).toEqual([[1, 1_000, 4_000]]);
});

describe("the time that Slurm could use a node", () => {
  const seen = ({ events }: Known, atMs: number, ...nodes: Node[]) =>
    read(events, atMs, [], [], nodes);
  const spans = async ({ recorder }: Known) => {
    await recorder.flush();
    const { nodeSpans } = await store.loadUtilization(0, 1_000_000);
    return nodeSpans.map(({ node: name, cores, fromMs, toMs }) => [name, cores, fromMs, toMs]);
  };

  test("extends from read to read", async () => {
    const known = newRecorder();
    for (const atMs of [1_000, 2_000, 17_000])
      seen(known, atMs, node(), node({ name: nodeName("n2"), cores: 4, baseState: "ALLOCATED" }));
    expect(await spans(known)).toEqual([
      ["n1", 16, 1_000, 17_000],
      ["n2", 4, 1_000, 17_000],
    ]);
  });

  test.each<[string, Partial<Node>]>([
    ["down", { baseState: "DOWN" }],
    ["drained", { flags: ["DRAIN"] }],
    ["not responding", { flags: ["NOT_RESPONDING"] }],
  ])("ends while the node is %s, and begins anew", async (_what, change) => {
    const known = newRecorder();
    seen(known, 1_000, node());
    seen(known, 2_000, node());
    seen(known, 3_000, node(change));
    seen(known, 4_000, node());
    seen(known, 5_000, node());
    expect(await spans(known)).toEqual([
      ["n1", 16, 1_000, 2_000],
      ["n1", 16, 4_000, 5_000],
    ]);
  });

  test("is unknown while Slurm was not read for long, and has one size", async () => {
    const known = newRecorder();
    seen(known, 1_000, node());
    seen(known, 16_001, node());
    seen(known, 17_000, node({ cores: 8 }));
    seen(known, 18_000, node({ cores: 8 }));
    expect(await spans(known)).toEqual([
      ["n1", 16, 1_000, 1_000],
      ["n1", 16, 16_001, 16_001],
      ["n1", 8, 17_000, 18_000],
    ]);
  });
});

test("an executor holds its cores while it can take work", async () => {
  const saved: Holding[] = [];
  const saveHolding = async (holding: Holding) => void saved.push(holding);
  const { events } = newState();
  const recorder = new Recorder({ saveHolding } as unknown as Store, events, log, 15_000);
  const record = new ExecutorRecord(executorId("x1"), nodeName("n1"), "", 0);
  let nowMs = 1_000;
  const now = () => {
    nowMs += 1_000;
    const goBack = useTime({ nowMs: () => nowMs } as Time);
    events.publish({ type: "executorChanged", executor: record });
    goBack();
  };
  now();
  record.claimed = { cores: 4, memoryMb: 1, gpus: [] };
  record.order(record.claimed);
  record.become("starting");
  record.become("ready");
  record.line = { send: () => true, close: () => {} };
  now();
  now();
  record.claimed = { cores: 2, memoryMb: 1, gpus: [] };
  now();
  record.line = null;
  now();
  await recorder.flush();
  expect(saved.map(({ cores, fromMs, toMs }) => [cores, fromMs, toMs])).toEqual([
    [4, 3_000, 5_000],
    [2, 5_000, 6_000],
  ]);
});

test("a hint that a job left counts once, and only for a job that Slurm showed on that node", async () => {
  const { recorder, events } = newRecorder();
  read(events, 1_000, [running(1, 500)]);
  const [n1, n2] = [nodeName("n1"), nodeName("n2")];
  expect(recorder.countsAsEnd(n2, jobId(1))).toBe(false);
  expect(recorder.countsAsEnd(n1, jobId(2))).toBe(false);
  expect(recorder.countsAsEnd(n1, jobId(1))).toBe(true);
  expect(recorder.countsAsEnd(n1, jobId(1))).toBe(false);
  read(events, 4_000, []);
  expect(recorder.countsAsEnd(n1, jobId(1))).toBe(false);
  read(events, 6_000, [running(1, 5_500)]);
  expect(recorder.countsAsEnd(n1, jobId(1))).toBe(true);
});
