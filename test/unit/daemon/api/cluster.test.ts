// What the API answers about the cluster: info, explain, drain, resume, reports, and who may ask.

import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { nowMs } from "../../../../src/clock.js";
import { digestOf } from "../../../../src/core/submission/digest.js";
import { type ClusterRoutes, clusterHandlers } from "../../../../src/daemon/api/cluster.js";
import { ExecutorRecord } from "../../../../src/daemon/state/executor-record.js";
import type { LiveInvocations } from "../../../../src/daemon/state/live.js";
import type { Registry } from "../../../../src/daemon/state/registry.js";
import { executorId, invocationId, type NodeName, nodeName } from "../../../../src/model/ids.js";
import type { Invocation } from "../../../../src/model/invocation.js";
import { TestApi } from "../../../support/daemon/api.js";
import { give, newState } from "../../../support/daemon/state.js";
import { executor, invocation, node, snapshot, submission } from "../../../support/nouns.js";
import { sampleAttempt } from "../../../support/store/samples.js";

const [n1, n2] = [nodeName("n1"), nodeName("n2")];
const nodes = [
  node({ name: n1, baseState: "MIXED", flags: ["PLANNED"], allocatedCores: 6, cores: 16 }),
  node({ name: n2, baseState: "ALLOCATED", allocatedCores: 16, allocatedMemoryMb: 32_000 }),
];
const { budget } = executor({ budget: { cores: 8, memoryMb: 8_000, gpus: [] } });
const noEnd = { endsAtMs: null, confidence: 0, source: "none" };
const hole = { node: n1, kind: "fragment", free: budget, sinceMs: 1, end: noEnd };
const full = { node: n2, reason: { kind: "full" }, idleCores: 0 };

let api: TestApi;
let registry: Registry;
let live: LiveInvocations;
let kind: "argv" | "call";
let recorded: Invocation[];
let calls: unknown[];
let drainedBy: string | null;
/** What a test changes before it asks. */
let capacity: Record<string, unknown>;
let parts: Record<string, unknown>;

beforeEach(async () => {
  kind = "argv";
  ({ live, registry } = newState());
  [recorded, calls, drainedBy, nodeSpans] = [[], [], null, []];
  capacity = {
    snapshot: snapshot({ nodes }),
    plan: { holes: [hole], unusable: [full], steps: [], madeFromMs: 0 },
    stale: false,
    problem: null,
    snapshotAgeMs: 12,
    load: { commandsPerMinute: 3, rpcsPerMinute: 4 },
  };
  parts = {
    version: "1.2.3",
    capacity,
    registry,
    live,
    store: {
      listInvocations: async () => recorded,
      submissionOf: async () => ({
        command: { kind, version: "0".repeat(64), settings: { idleTimeoutMs: 90_000 } },
      }),
      listAttempts: async () => [sampleAttempt(invocationId(1))],
      loadUtilization,
    },
    recorder: { flush: async () => void calls.push("flush") },
    learning: { vacateMs: 200, expectedMs: () => 5_000, report: () => ({ learned: true }) },
    drains: {
      drainedBy: (name: NodeName) => (name === n2 ? drainedBy : null),
      allDrainedBy: () => drainedBy,
      drain: async (...args: unknown[]) => ({ calls: calls.push(["drain", ...args]) }),
      resume: async (...args: unknown[]) => ({ calls: calls.push(["resume", ...args]) }),
    },
    startFailures: { avoidedBy: () => [] },
    allowedNodes: { of: () => undefined },
    stoppedFunctions: { whyStopped: () => null },
    keepAlive: { keptMs: () => null },
    pilots: null,
    leases: { isStarting: () => false },
    examine: async () => ({ checks: [] }),
  };
  api = await TestApi.open(clusterHandlers(parts as unknown as ClusterRoutes));
});
afterEach(() => api.close());

const nothingRecorded = {
  nodeSpans: [],
  jobs: [],
  hookEvents: [],
  holdings: [],
  useful: [],
  unfinished: [],
  conditions: [],
  waits: [],
  evictions: [],
  leased: [],
};
const loadUtilization = async (fromMs: number, toMs: number) => {
  calls.push(["load", fromMs, toMs]);
  return { fromMs, toMs, ...nothingRecorded, nodeSpans };
};
let nodeSpans: object[] = [];

const ask = (path: string, uid?: number, body?: object) => api.ask(path, uid, body);
const linesOf = async (what: string, uid = 0) =>
  (await ask(`/v1/explain/${what}`, uid)).body.lines as string[];

function ready(on = n1, change: Partial<ExecutorRecord> = {}): ExecutorRecord {
  const record = new ExecutorRecord(executorId("x1"), on, "127.0.0.1", nowMs());
  record.become("starting");
  record.become("ready");
  record.line = { send: () => true, close: () => {} };
  record.claimed = budget;
  record.order(budget);
  registry.add(Object.assign(record, change));
  return record;
}

test("info has the cluster, the load, the queue, and each node with its hole or the reason why it has none", async () => {
  const record = ready();
  give(live.assignments, record.id, 7, { cores: 3, memoryMb: 10 });
  drainedBy = "ann";
  registry.unkillable.set(n2, { count: 1, processes: [], held: budget });
  live.add({ invocation: invocation({}), digest: digestOf(1_000, submission()) }, null);
  const { body } = await ask("/v1/info", 1_000);
  expect(body).toMatchObject({
    clusterName: "test",
    version: "1.2.3",
    snapshotAgeMs: 12,
    stale: false,
    slurmProblem: null,
    commandsPerMinute: 3,
    rpcsPerMinute: 4,
    pending: 1,
    running: 0,
    nodes: [
      {
        node: "n1",
        slurmState: "MIXED+PLANNED",
        cores: 16,
        allocatedCores: 6,
        hole: { kind: "fragment" },
        unusable: null,
        executor: { id: "x1", placement: "direct", state: "ready", usedCores: 3, running: 1 },
        drainedBy: null,
        unkillable: null,
      },
      {
        node: "n2",
        slurmState: "ALLOCATED",
        allocatedMemoryMb: 32_000,
        hole: null,
        unusable: { reason: { kind: "full" } },
        executor: null,
        drainedBy: "ann",
        unkillable: {
          count: 1,
          lines: [expect.stringMatching(/^1 process of a function/), "and 1 more"],
        },
      },
    ],
  });
});

test("info has no nodes before Slurm has been read", async () => {
  Object.assign(capacity, { snapshot: null, plan: null, stale: true, problem: "no answer" });
  expect((await ask("/v1/info")).body).toMatchObject({
    clusterName: "",
    slurmProblem: "no answer",
    stale: true,
    nodes: [],
  });
});

describe("explain NODE", () => {
  test("shows its executor, unused cores, the hole's end and Slurm's state", async () => {
    ready();
    expect(await linesOf("n1")).toEqual([
      "executor x1 is ready and runs 0 invocations on 0 of its 8 cores",
      expect.stringMatching(/^\d+ of its 10 idle cores are unused: /),
      expect.stringMatching(/^\d+ of its 10 idle cores are unused: /),
      expect.stringMatching(/^nothing is planned there/),
      "Slurm has it in state MIXED+PLANNED with 6 of 16 cores allocated",
    ]);
  });

  test("says that gleanerd has lost its executor's connection, as info does", async () => {
    const record = ready();
    record.line = null;
    expect((await linesOf("n1")).slice(0, 2)).toEqual([
      "gleanerd has no connection to n1: what follows was so before",
      "executor x1 is ready and runs 0 invocations on 0 of its 8 cores",
    ]);
    const { body } = await ask("/v1/info");
    expect(body.nodes[0].executor).toMatchObject({ state: "ready", disconnected: true });
  });

  test("says why its executor drains, and calls no core unused that work still has", async () => {
    const record = ready();
    give(live.assignments, record.id, 7, { cores: 8, memoryMb: 10 });
    record.become("draining");
    const reason = { kind: "state", flag: "MAINT" } as const;
    capacity.plan = { holes: [], unusable: [{ node: n1, reason, idleCores: 8 }], steps: [] };
    capacity.snapshot = snapshot({ nodes: [{ ...nodes[0]!, allocatedCores: 8 }] });
    expect((await linesOf("n1")).slice(0, -1)).toEqual([
      "executor x1 is draining and runs 1 invocation on 8 of its 8 cores",
      "it has no hole: Slurm reports the node in state MAINT",
    ]);
  });

  test("says why it has no hole", async () => {
    const lines = await linesOf("n2");
    expect(lines).toEqual([
      expect.stringMatching(/^it has no hole: the node is full/),
      expect.stringMatching(/^Slurm has it in state ALLOCATED with 16 of 16/),
    ]);
  });

  test("mentions a stale view, hanging processes and unusable GPUs", async () => {
    Object.assign(capacity, { stale: true, problem: "no answer for 20 s" });
    capacity.plan = { holes: [{ ...hole, gpuProblem: "MIG" }], unusable: [], steps: [] };
    registry.unkillable.set(n1, { count: 2, processes: [], held: budget });
    expect(await linesOf("n1")).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^functions get none of its GPUs: MIG$/),
        expect.stringMatching(/^2 processes of functions hang/),
        expect.stringMatching(/data from Slurm is out of date: no answer for 20 s$/),
      ]),
    );
    Object.assign(capacity, { problem: null });
    expect((await linesOf("n1")).join("\n")).toMatch(/is out of date: slurmctld answers slowly, /);
    const others = (await linesOf("n2")).join("\n");
    expect(others).not.toMatch(/GPUs|hang/);
  });

  test("says when it would get a pilot, unless it has an executor or no hole", async () => {
    parts.pilots = { timeFor: () => ({ longestMs: 1, nowLongestMs: 1 }) };
    const once =
      /^10 of its 10 idle cores are unused: it has no executor: gleanerd submits a pilot/;
    expect((await linesOf("n1"))[0]).toMatch(once);
    expect(await linesOf("n2")).not.toContainEqual(expect.stringMatching(/pilot/));
    ready();
    expect(await linesOf("n1")).not.toContainEqual(expect.stringMatching(/pilot/));
  });

  test("handles a node that Slurm does not list, and the time before Slurm has been read", async () => {
    expect(await ask("/v1/explain/n9")).toMatchObject({ status: 404 });
    capacity.snapshot = null;
    expect(await linesOf("n1")).toEqual([expect.stringMatching(/has not read Slurm yet/)]);
    capacity.problem = "slurmctld is down";
    expect(await linesOf("n1")).toEqual(["slurmctld is down"]);
  });
});

describe("explain ID", () => {
  test.each<[string, Partial<Invocation>, RegExp]>([
    ["runs", { state: "RUNNING", node: n1, attempt: 2 }, /^1 runs on n1 as attempt 2$/],
    [
      "failed",
      { state: "FAILED", exitCode: 3, attempt: 1, reason: "it crashed" },
      /^1 ended FAILED with exit code 3 in attempt 1: it crashed$/,
    ],
    ["was killed", { state: "FAILED", signal: 9, attempt: 1 }, /^1 ended FAILED by signal 9 in/],
    [
      "completed",
      { state: "COMPLETED", exitCode: 0, attempt: 1 },
      /with exit code 0 in attempt 1$/,
    ],
  ])("describes an invocation that %s", async (_what, change, line) => {
    recorded = [invocation(change)];
    expect(await linesOf("1", 1_000)).toEqual([expect.stringMatching(line)]);
  });

  test("says that gleanerd has no connection to the node where it runs", async () => {
    recorded = [invocation({ state: "RUNNING", node: n1, attempt: 1 })];
    const record = ready();
    give(live.assignments, record.id, 1);
    expect(await linesOf("1")).toEqual(["1 runs on n1 as attempt 1"]);
    record.line = null;
    expect(await linesOf("1")).toEqual([
      "1 runs on n1 as attempt 1",
      "gleanerd has no connection to n1: it may still run there, and its end is known once the node is back or given up",
    ]);
  });

  test("describes the attempts of a call", async () => {
    recorded = [invocation({ state: "RUNNING", attempt: 1 })];
    kind = "call";
    expect((await linesOf("1", 1_000)).slice(1)).toEqual([
      expect.stringMatching(/^attempt 1 began on n1 after a wait of /),
      expect.stringMatching(/^it has not ended yet/),
      "no idle worker waits for its next call",
      "an idle worker stays for 90.0 s (--idle-timeout)",
    ]);
  });

  test("describes an invocation that waits for an executor, behind nobody", async () => {
    recorded = [invocation({})];
    expect(await linesOf("1")).toEqual([expect.stringMatching(/^no node has a hole at present/)]);
    ready();
    expect(await linesOf("1")).toEqual(["it is about to start"]);
  });

  test("describes an invocation whose executor takes no work now, or ends too early", async () => {
    recorded = [invocation({})];
    const record = ready(n1, { hookProblem: "silent" });
    expect(await linesOf("1")).toEqual([expect.stringMatching(/^no node has a hole at present/)]);
    record.hookProblem = null;
    record.timeIsOverAtMs = nowMs() + 4_000;
    expect(await linesOf("1")).toEqual([
      expect.stringMatching(/^every free hole closes too early/),
    ]);
    record.timeIsOverAtMs = nowMs() + 60_000;
    expect(await linesOf("1")).toEqual(["it is about to start"]);
  });

  test("describes an invocation that waits for a pilot, unless no hole is open", async () => {
    recorded = [invocation({})];
    parts.pilots = { timeFor: () => ({ longestMs: 4_000, nowLongestMs: 4_000 }) };
    const tooShort = /pilots have at most 4 s/;
    expect((await linesOf("1"))[0]).toMatch(tooShort);
    capacity.plan = { holes: [], unusable: [], steps: [] };
    expect((await linesOf("1"))[0]).not.toMatch(tooShort);
    registry.add(new ExecutorRecord(executorId("x2"), n2, "", 0, "pilot"));
    registry.add(new ExecutorRecord(executorId("x3"), nodeName("n3"), "", 0));
    const connecting = new ExecutorRecord(executorId("x4"), nodeName("n4"), "", 0, "pilot");
    connecting.become("starting");
    registry.add(connecting);
    expect(await linesOf("1")).toEqual([expect.stringMatching(/^Slurm has yet to start 1 pilot$/)]);
  });

  test("describes an invocation that waits for more than a place, or for one node", async () => {
    recorded = [invocation({})];
    const digest = digestOf(1_000, submission());
    const held = { ...digest, schedule: { held: true } };
    live.add({ invocation: invocation({}), digest: held }, null);
    live.get(invocationId(1))!.submission.barrier = "JobHeldUser";
    expect(await linesOf("1")).toEqual([expect.stringMatching(/^JobHeldUser: its owner holds it/)]);
    recorded = [invocation({ id: invocationId(2) })];
    const chosen = { ...digest, where: { node: "n9" } };
    live.add({ invocation: invocation({ id: invocationId(2) }), digest: chosen }, null);
    ready();
    parts.allowedNodes = { of: () => new Set() };
    expect(await linesOf("2")).toEqual([
      "it asks for node n9",
      expect.stringMatching(/^no node has a hole at present/),
    ]);
  });

  test("describes an invocation in a drained cluster, or behind another", async () => {
    recorded = [invocation({ id: invocationId(2) })];
    const digest = digestOf(1_000, submission());
    for (const id of [1, 2])
      live.add({ invocation: invocation({ id: invocationId(id) }), digest }, null);
    ready();
    expect(await linesOf("2")).toEqual([expect.stringMatching(/^1 invocation is ahead/)]);
    drainedBy = "ann";
    parts.startFailures = { avoidedBy: () => [n2] };
    expect((await linesOf("2"))[0]).toMatch(/^all nodes are drained/);
  });

  test("is only for the owner and operators, and for an existing invocation", async () => {
    recorded = [invocation({})];
    expect(await ask("/v1/explain/1", 1_001)).toMatchObject({ status: 403 });
    recorded = [];
    expect(await ask("/v1/explain/1_7")).toMatchObject({ status: 404 });
  });
});

describe("operators' requests", () => {
  test.each([
    ["/v1/drain", { nodes: ["n1"], now: true }],
    ["/v1/resume", { nodes: ["n1"], now: false }],
    ["/v1/doctor", undefined],
  ])("include %s, which others may not call", async (url, body) => {
    expect(await ask(url, 1_000, body)).toMatchObject({
      status: 403,
      body: { error: { code: "NOT_ALLOWED" } },
    });
    expect(calls).toEqual([]);
    expect((await ask(url, 0, body)).status).toBe(200);
  });

  test("drain and resume the named nodes, and are recorded in the audit log", async () => {
    await ask("/v1/drain", 0, { nodes: ["n1", "n2"], now: true });
    await ask("/v1/drain", 0, { nodes: ["n1"], now: false });
    await ask("/v1/resume", 0, { nodes: ["n1"], now: false });
    expect(calls).toEqual([
      ["drain", ["n1", "n2"], "u0", true],
      ["drain", ["n1"], "u0", false],
      ["resume", ["n1"]],
    ]);
    expect(api.acts).toEqual([
      { action: "drain", subject: "n1,n2", detail: "now" },
      { action: "drain", subject: "n1", detail: "" },
      { action: "resume", subject: "n1" },
    ]);
  });
});

describe("reports", () => {
  test("show the learned predictions, and the holes of all nodes or of one", async () => {
    expect((await ask("/v1/prediction")).body).toEqual({ learned: true });
    expect((await ask("/v1/holes")).body).toMatchObject({ idleCores: 10 });
    expect((await ask("/v1/holes?node=n2")).body).toMatchObject({ idleCores: 0, holes: [] });
  });

  test("show the utilization of the requested period, with all records until now", async () => {
    const { body } = await ask("/v1/utilization?fromMs=1000&toMs=5000");
    expect(calls).toEqual(["flush", ["load", 1_000, 5_000]]);
    expect(body).toMatchObject({ fromMs: 1_000, toMs: 5_000 });
  });

  test("show the utilization of a day if no start is given, or of the recorded part of it", async () => {
    const dayMs = 24 * 3_600_000;
    const toMs = 10 * dayMs;
    await ask(`/v1/utilization?toMs=${toMs}`);
    expect(calls[1]).toEqual(["load", toMs - dayMs, toMs]);
    nodeSpans = [{ node: n1, cores: 4, fromMs: toMs - 5_000, toMs }];
    const young = await ask(`/v1/utilization?toMs=${toMs}`);
    expect(young.body).toMatchObject({ fromMs: toMs - 5_000, toMs });
    nodeSpans = [{ node: n1, cores: 4, fromMs: toMs - 2 * dayMs, toMs }];
    const old = await ask(`/v1/utilization?toMs=${toMs}`);
    expect(old.body).toMatchObject({ fromMs: toMs - dayMs, toMs });
    const asked = await ask(`/v1/utilization?fromMs=${toMs - 10_000}&toMs=${toMs}`);
    expect(asked.body).toMatchObject({ fromMs: toMs - 10_000 });
  });

  test.each(["fromMs=5000&toMs=5000", "fromMs=6000&toMs=5000"])(
    "utilization refuses %s",
    async (query) => {
      expect(await ask(`/v1/utilization?${query}`)).toMatchObject({
        status: 400,
        body: { error: { code: "BAD_REQUEST" } },
      });
    },
  );
});
