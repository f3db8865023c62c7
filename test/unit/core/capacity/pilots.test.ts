// Pilots without Slurm: recognising their jobs, a snapshot without them, when they are wanted, and
// when Slurm would preempt them.

import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  executorMemoryMb,
  pilotBudget,
  pilotMinutes,
  pilotName,
  unservedCores,
  withoutPilots,
} from "../../../../src/core/capacity/pilots.js";
import { makePlan } from "../../../../src/core/capacity/plan.js";
import { preemptionProblemOf } from "../../../../src/core/capacity/preemption-check.js";
import { WaitingQueue } from "../../../../src/core/placement/queue.js";
import { admit } from "../../../../src/core/submission/admission.js";
import { readPilotJob } from "../../../../src/executor/pilot/pilot.js";
import { pilotStateOf } from "../../../../src/launch/pilot.js";
import { executorId, invocationId, jobId, nodeName } from "../../../../src/model/ids.js";
import type { Partition } from "../../../../src/model/slurm/snapshot.js";
import {
  context,
  executor,
  facts,
  job,
  node,
  noLoad,
  policy,
  snapshot,
} from "../../../support/nouns.js";

const mark = { user: "ann", partition: "gleaner", instance: "0123abcd" };
const id = executorId("n1.12ab34cd");
const n1 = nodeName("n1");

const pilotJob = (change: Parameters<typeof job>[0] = {}) =>
  job({
    id: jobId(7),
    name: pilotName(mark.instance, id, 12_000),
    user: "ann",
    partition: "gleaner",
    state: "RUNNING",
    cores: 10,
    nodes: [n1],
    ...change,
  });

const taken = node({ baseState: "MIXED", allocatedCores: 12, allocatedMemoryMb: 14_000 });

describe("a snapshot without our pilots", () => {
  test("shows their nodes as batch jobs left them", () => {
    const other = job({ id: jobId(8), state: "RUNNING", nodes: [n1], cores: 2 });
    const found = withoutPilots(snapshot({ nodes: [taken], jobs: [pilotJob(), other] }), mark);
    expect(found.snapshot.jobs).toEqual([other]);
    expect(found.snapshot.nodes).toEqual([
      { ...taken, allocatedCores: 2, allocatedMemoryMb: 2_000 },
    ]);
    expect(found.pilots.map((each) => [each.executor, each.job.id])).toEqual([[id, 7]]);
  });

  test.each([
    [{ allocatedCores: 10, baseState: "MIXED" }, "IDLE"],
    [{ allocatedCores: 16, baseState: "ALLOCATED" }, "MIXED"],
    [{ allocatedCores: 10, baseState: "DOWN" }, "DOWN"],
  ] as const)("the state of %j becomes %s", (change, expected) => {
    const found = withoutPilots(snapshot({ nodes: [node(change)], jobs: [pilotJob()] }), mark);
    expect(found.snapshot.nodes[0]!.baseState).toBe(expected);
  });

  test("leaves to batch jobs what Slurm took from a suspended pilot", () => {
    const jobs = [pilotJob({ state: "SUSPENDED" })];
    const found = withoutPilots(snapshot({ nodes: [taken], jobs }), mark);
    expect(found.snapshot.nodes).toEqual([taken]);
    expect(found.pilots).toHaveLength(1);
  });

  test("counts a waiting pilot neither as holding resources nor as a batch job", () => {
    const waiting = pilotJob({ state: "PENDING", nodes: [] });
    const found = withoutPilots(snapshot({ nodes: [taken], jobs: [waiting] }), mark);
    expect(found.snapshot.nodes).toEqual([taken]);
    expect(found.snapshot.jobs).toEqual([]);
    expect(found.pilots).toHaveLength(1);
  });

  test.each([
    { user: "mallory" },
    { partition: "batch" },
    { name: pilotName("ffffffff", id, 12_000) },
    { name: "gleaner-0123abcd-x-n1" },
    { name: `${pilotName(mark.instance, id, 12_000)} ` },
  ])("counts a job with %j as a batch job", (change) => {
    const jobs = [pilotJob(change)];
    const read = snapshot({ nodes: [taken], jobs });
    expect(withoutPilots(read, mark).snapshot).toMatchObject({ nodes: [taken], jobs });
  });

  test("never shows a negative allocation, whatever pilots claim to hold", () => {
    const claims = fc.array(fc.record({ cores: fc.nat(100), memoryMb: fc.nat(100_000) }));
    fc.assert(
      fc.property(claims, (all) => {
        const jobs = all.map(({ cores, memoryMb }) =>
          pilotJob({ cores, name: pilotName(mark.instance, id, memoryMb) }),
        );
        const [seen] = withoutPilots(snapshot({ nodes: [taken], jobs }), mark).snapshot.nodes;
        expect(seen!.allocatedCores).toBeGreaterThanOrEqual(0);
        expect(seen!.allocatedCores).toBeLessThanOrEqual(taken.allocatedCores);
        expect(seen!.allocatedMemoryMb).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

describe("the size of a pilot", () => {
  const hole = { cores: 2, memoryMb: 9_000, gpus: [0] };

  test("is the hole, without GPUs", () => {
    expect(pilotBudget(hole, 512, null)).toEqual({ cores: 2, memoryMb: 9_000, gpus: [] });
  });

  test("leaves memory for the executor if the margin does not", () => {
    expect(pilotBudget(hole, 100, null)!.memoryMb).toBe(9_100 - executorMemoryMb);
  });

  test("asks for no more memory than Slurm gives its cores", () => {
    expect(pilotBudget(hole, 512, 2_000)!.memoryMb).toBe(4_000 - executorMemoryMb);
  });

  test("is nothing if the executor alone would fill it", () => {
    expect(pilotBudget({ ...hole, cores: 1 }, 512, executorMemoryMb)).toBeNull();
    expect(pilotBudget({ ...hole, cores: 0 }, 512, null)).toBeNull();
  });

  test.each([
    [null, 120],
    [59_999, 0],
    [150_000, 2],
    [9_000_000, 120],
  ])("in a hole of %s ms includes %s minutes", (endsInMs, minutes) => {
    expect(pilotMinutes(endsInMs, 7_200_000)).toBe(minutes);
  });
});

describe("cores that wait for a pilot", () => {
  const queueOf = (...needs: [cores: number, memoryMb: number, gpus?: number][]) => {
    const queue = new WaitingQueue();
    needs.forEach(([cores, memoryMb, gpus = 0], index) => {
      const waiting = { id: invocationId(index + 1), user: "ann", timeLimitMs: 1_000 };
      queue.add({ ...waiting, cores, memoryMb, gpus, submittedAtMs: 0 });
    });
    return queue;
  };
  const of = (cores: number, memoryMb: number) => ({ cores, memoryMb, gpus: [] });
  const room = (total: number, free = total) => ({
    budget: of(total, 8_000),
    free: of(free, 8_000),
  });

  test.each([
    ["nothing waits", queueOf(), [], 0],
    ["nobody has room", queueOf([2, 100]), [], 2],
    ["there is room", queueOf([2, 100], [2, 100]), [room(8)], 0],
    ["there is too little room", queueOf([2, 100], [2, 100]), [room(8, 3)], 1],
    ["it needs more cores than a pilot there would have", queueOf([9, 100]), [], 0],
    ["it needs more memory than a pilot there would have", queueOf([1, 8_001]), [], 0],
    ["it needs a GPU, which no pilot has", queueOf([1, 100, 1]), [], 0],
    ["only the second one needs no GPU", queueOf([1, 100, 1], [2, 100]), [], 2],
    ["no executor there is large enough", queueOf([4, 100]), [room(2)], 4],
    ["one of two executors is large enough", queueOf([4, 100]), [room(2), room(8)], 0],
  ] as const)("%s", (_what, queue, rooms, expected) => {
    expect(unservedCores(queue, rooms, of(8, 8_000))).toBe(expected);
  });

  test.each([
    ["the only pilot is over before", 5_000, 90_000, 2],
    ["the only pilot has the time", 20_000, 90_000, 0],
    ["a new pilot would not have the time either", 5_000, 9_000, 0],
  ])("%s", (_what, leftMs, longestMs, expected) => {
    const rooms = [{ ...room(8), leftMs }];
    const time = { longestMs, expectedMs: () => 10_000 };
    expect(unservedCores(queueOf([2, 100]), rooms, of(8, 8_000), time)).toBe(expected);
  });

  test("include long work if only a pilot about to end has free cores", () => {
    const rooms = [
      { ...room(8), leftMs: 5_000 },
      { ...room(8, 1), leftMs: 90_000 },
    ];
    const queue = queueOf([2, 100]);
    const needs = (ms: number) => ({ longestMs: 90_000, expectedMs: () => ms });
    expect(unservedCores(queue, rooms, of(8, 8_000), needs(10_000))).toBe(1);
    expect(unservedCores(queue, rooms, of(8, 8_000), needs(1_000))).toBe(0);
  });
});

describe("whether Slurm would preempt pilots", () => {
  const partition = (change: Partial<Partition>): Partition => ({
    name: "batch",
    state: "UP",
    nodes: [n1],
    isDefault: true,
    maxTimeMs: null,
    overSubscribe: "NO",
    priorityTier: 10,
    preemptMode: "OFF",
    graceMs: 0,
    ...change,
  });
  const pilots = partition({ name: "gleaner", priorityTier: 1, preemptMode: "CANCEL" });
  const preempting = { ...facts, preemptType: "preempt/partition_prio" };
  const problemWith = (change: Partial<Partition>, more: Partial<typeof facts> = {}) => {
    const partitions = [partition({}), { ...pilots, ...change }];
    return preemptionProblemOf({ facts: { ...preempting, ...more }, partitions }, "gleaner");
  };

  test("it would with the settings that Gleaner needs", () => {
    expect(problemWith({})).toBeNull();
    expect(problemWith({ preemptMode: "REQUEUE" })).toBeNull();
    // A partition of other nodes may have any tier.
    expect(problemWith({ nodes: [nodeName("n2")], priorityTier: 10 })).toBeNull();
  });

  test.each([
    [{ name: "other" }, {}, "no partition gleaner"],
    [{}, { preemptType: "preempt/none" }, "PreemptType=preempt/none"],
    [{}, { preemptType: "preempt/qos" }, "PreemptType=preempt/qos"],
    [{}, { preemptExemptMs: 60_000 }, "PreemptExemptTime=60 s"],
    [{ preemptMode: "OFF" }, {}, "PreemptMode=OFF"],
    [{ preemptMode: "GANG,SUSPEND" }, {}, "PreemptMode=GANG,SUSPEND"],
    [{ graceMs: 30_000 }, {}, "GraceTime=30"],
    [{ priorityTier: 10 }, {}, "PriorityTier=10 and batch"],
  ])("it would not with %j %j", (change, more, sentence) => {
    expect(problemWith(change, more)).toContain(sentence);
  });

  test("otherwise no node is used", () => {
    const problem = "slurm.conf says no";
    const input = { snapshot: snapshot(), executors: [], policy, maxStarts: 1 };
    const plan = makePlan({ ...input, context: context({ preemptionProblem: problem }) });
    expect(plan.steps).toEqual([]);
    expect(plan.unusable[0]!.reason).toEqual({ kind: "noPreemption", detail: problem });
  });
});

describe("a plan", () => {
  const planFor = (placement: "direct" | "pilot") =>
    makePlan({
      // Read while the pilot started: it is in the node's figures, and nobody knows whose job it
      // is.
      snapshot: snapshot({ nodes: [node({ baseState: "ALLOCATED", allocatedCores: 16 })] }),
      executors: [executor({ placement })],
      policy,
      context: context(),
      maxStarts: 1,
    });

  test("stops a direct executor on a full node, but never a pilot, whose resources Slurm knows", () => {
    expect(planFor("direct").steps.map(({ kind }) => kind)).toEqual(["stop"]);
    expect(planFor("pilot").steps).toEqual([]);
  });
});

test.each([
  ["PENDING", "running"],
  ["COMPLETING", "running"],
  ["PREEMPTED", "evicted"],
  ["CANCELLED", "evicted"],
  ["TIMEOUT", "evicted"],
  ["FAILED", "gone"],
  ["NODE_FAIL", "gone"],
  ["SOMETHING_NEW", "gone"],
])("a pilot that Slurm has in state %s is %s", (slurmState, expected) => {
  expect(pilotStateOf(slurmState)).toBe(expected);
});

describe("the job of a pilot", () => {
  const environment = {
    SLURM_JOB_ID: "12",
    SLURM_CPUS_ON_NODE: "8",
    SLURM_MEM_PER_NODE: "15616",
  };

  test("offers its allocation less the executor's own memory", () => {
    expect(readPilotJob(environment)).toEqual({
      id: 12,
      budget: { cores: 8, memoryMb: 15_616 - executorMemoryMb, gpus: [] },
    });
  });

  test.each([
    {},
    { ...environment, SLURM_JOB_ID: undefined },
    { ...environment, SLURM_CPUS_ON_NODE: "8; rm" },
    { ...environment, SLURM_MEM_PER_NODE: "100" },
  ])("is refused with %j", (wrong) => {
    expect(() => readPilotJob(wrong)).toThrow("let gleanerd start the pilot");
  });
});

test("a gleanerd that does not run as root refuses other users' functions with one sentence", () => {
  const policyOfAnn = {
    defaultMemoryPerCoreMb: 100,
    defaultTimeLimitMs: 1_000,
    maxTimeLimitMs: 1_000,
    maxArrayTasks: 1,
    maxPending: 2,
    maxPendingEntries: 2,
    maxDocumentsMb: 100,
    maxScriptBytes: 100,
    maxEnvironmentBytes: 100,
    allowRootFunctions: false,
    onlyUser: { uid: 1000, name: "ann" },
  };
  const submission = {
    name: "tile",
    command: { kind: "argv", argv: ["true"] },
    cores: 1,
    memoryMb: null,
    memoryPerCoreMb: null,
    timeLimitMs: null,
    workingDirectory: "/",
    stdoutPattern: null,
    stderrPattern: null,
    environment: {},
    notice: null,
    arrayTasks: null,
  } as unknown as Parameters<typeof admit>[0];
  expect(admit(submission, 1000, noLoad, null, policyOfAnn).memoryMb).toBe(100);
  expect(() => admit(submission, 1001, noLoad, null, policyOfAnn)).toThrow(
    "this gleanerd runs as ann and cannot run other users' functions: submit as ann",
  );
});
