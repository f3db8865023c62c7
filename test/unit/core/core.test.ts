// The small verbs of the core: reasons, pace, patterns, environment, assurance, states.

import { describe, expect, test } from "@jest/globals";
import { findHoles } from "../../../src/core/capacity/holes.js";
import { hookProblemOf, sallocProblemOf } from "../../../src/core/capacity/hook-check.js";
import { type PaceState, pauseMs, ReadTimes } from "../../../src/core/capacity/pace.js";
import { makePlan } from "../../../src/core/capacity/plan.js";
import { describeReason, explainWait } from "../../../src/core/explain/waiting.js";
import { environmentFor } from "../../../src/core/submission/environment.js";
import { invocationId, nodeName } from "../../../src/model/ids.js";
import { invocationTransitions } from "../../../src/model/invocation.js";
import { step } from "../../../src/model/machine.js";
import { fillPattern } from "../../../src/model/records/file-pattern.js";
import { outputPath } from "../../../src/model/records/output-paths.js";
import type { Node } from "../../../src/model/slurm/node.js";
import {
  context,
  executor,
  facts,
  invocation,
  job,
  node,
  policy,
  snapshot,
} from "../../support/nouns.js";

describe("holes", () => {
  const reasonOf = (change: Partial<Node>, contextChange = {}) =>
    findHoles(snapshot({ nodes: [node(change)] }), policy, context(contextChange)).unusable[0]
      ?.reason;

  test("are idle nodes and the idle rest of mixed ones, less the memory margin", () => {
    const nodes = [
      node(),
      node({
        name: nodeName("n2"),
        baseState: "MIXED",
        allocatedCores: 12,
        allocatedMemoryMb: 24_000,
      }),
    ];
    const { holes } = findHoles(snapshot({ nodes }), policy, context());
    expect(holes.map(({ node: name, kind, free }) => ({ name, kind, free }))).toEqual([
      { name: "n1", kind: "wholeNode", free: { cores: 16, memoryMb: 31_500, gpus: [] } },
      { name: "n2", kind: "fragment", free: { cores: 4, memoryMb: 7_500, gpus: [] } },
    ]);
  });

  test("report each obstacle", () => {
    expect(reasonOf({ flags: ["DRAIN"] })).toEqual({ kind: "state", flag: "DRAIN" });
    expect(reasonOf({ flags: ["BRAND_NEW"] })).toEqual({ kind: "unknownState", flag: "BRAND_NEW" });
    expect(reasonOf({ baseState: "DOWN" })).toEqual({ kind: "state", flag: "DOWN" });
    expect(reasonOf({ baseState: "UNKNOWN" })).toEqual({ kind: "state", flag: "UNKNOWN" });
    expect(reasonOf({ baseState: "ALLOCATED", allocatedCores: 16 })).toEqual({ kind: "full" });
    expect(reasonOf({ owner: "bob" })).toEqual({ kind: "owner", owner: "bob" });
    const mixed = { baseState: "MIXED", allocatedCores: 1 } as const;
    expect(reasonOf({ ...mixed, allocatedMemoryMb: 32_000 })).toEqual({
      kind: "memory",
      freeMb: 0,
      neededMb: 64,
    });
    expect(reasonOf({}, { drainedBy: () => "root" })).toEqual({ kind: "drained", by: "root" });
    expect(reasonOf({}, { nowMs: 200_000 })).toEqual({ kind: "stale", ageMs: 101_000 });
    expect(reasonOf({ flags: ["PLANNED"] })).toBeUndefined();
    const failing = new Map([["n1", { detail: "ssh refused", retryAtMs: 101_000 }]]);
    expect(reasonOf({}, { failing })).toEqual({
      kind: "launchFailing",
      detail: "ssh refused",
      retryInMs: 1_000,
    });
    expect(reasonOf({}, { failing, nowMs: 102_000 })).toBeUndefined();
    const full = () => ({ detail: "it is full", untilMs: 103_000 });
    expect(reasonOf({}, { full })).toMatchObject({ kind: "noMemoryLeft", detail: "it is full" });
  });

  test("are whole nodes only, where jobs are pinned and their cores are unknown", () => {
    const nodes = [
      node(),
      node({ name: nodeName("n2"), baseState: "MIXED", allocatedCores: 4, allocatedMemoryMb: 100 }),
    ];
    const pinned = { ...facts, jobsArePinned: true };
    const found = findHoles(snapshot({ nodes, facts: pinned }), policy, context());
    expect(found.holes.map((hole) => hole.node)).toEqual(["n1"]);
    expect(found.unusable).toMatchObject([
      { node: "n2", reason: { kind: "pinned" }, idleCores: 12 },
    ]);
  });

  test("have the memory share of their cores where Slurm does not count memory", () => {
    const nodes = [node({ baseState: "MIXED", allocatedCores: 12 })];
    const uncounted = { ...facts, memoryIsConsumable: false };
    const { holes } = findHoles(snapshot({ nodes, facts: uncounted }), policy, context());
    expect(holes[0]!.free).toEqual({ cores: 4, memoryMb: 7_500, gpus: [] });
  });

  test("end at a planned start, and do not exist if it is too close", () => {
    const soon = job({ startAtMs: 101_000, plannedNodes: [nodeName("n1")] });
    const later = job({ startAtMs: 140_000, plannedNodes: [nodeName("n1")] });
    expect(
      findHoles(snapshot({ jobs: [later, soon] }), policy, context()).unusable[0]!.reason,
    ).toEqual({
      kind: "tooShort",
      endsInMs: 1_000,
    });
    expect(
      findHoles(snapshot({ jobs: [later] }), policy, context()).holes[0]!.predictedEndAtMs,
    ).toBe(140_000);
  });

  test("report a reservation that has begun, even if it covers only some cores", () => {
    const reservation = { name: "r", nodes: [nodeName("n1")], startAtMs: 1, endAtMs: 200_000 };
    const why = (change: Partial<typeof reservation> & { cores?: number }) => {
      const reservations = [{ ...reservation, ...change }];
      const nodes = [node({ flags: ["RESERVED"] })];
      const found = findHoles(snapshot({ nodes, reservations }), policy, context());
      return describeReason(found.unusable[0]!.reason);
    };
    expect(why({ cores: 16 })).toBe("Slurm reports the node in state RESERVED (reservation r)");
    expect(why({ cores: 2 })).toMatch(/RESERVED \(reservation r, which covers only some cores/);
    expect(why({ endAtMs: 99_000 })).toBe("Slurm reports the node in state RESERVED");
  });

  test("have a sentence for every reason", () => {
    expect(describeReason({ kind: "stale", ageMs: 21_000 })).toContain("21 s ago");
    expect(describeReason({ kind: "noHook", detail: "slurm.conf has no Prolog=/x" })).toContain(
      "Prolog=/x",
    );
  });
});

describe("plan", () => {
  const plan = (nodes: Node[], executors = [executor()]) =>
    makePlan({ snapshot: snapshot({ nodes }), executors, policy, context: context(), maxStarts: 9 })
      .steps;

  test("starts an executor where there is none, resizes an existing one", () => {
    const steps = plan([
      node({ baseState: "MIXED", allocatedCores: 4 }),
      node({ name: nodeName("n2") }),
    ]);
    expect(steps.map((each) => [each.kind, each.node])).toEqual([
      ["resize", "n1"],
      ["start", "n2"],
    ]);
  });

  test("stops executors at once on a full, failing or unknown node, and after their work on a drained one", () => {
    expect(plan([node({ baseState: "ALLOCATED", allocatedCores: 16 })])[0]!.kind).toBe("stop");
    expect(plan([node({ flags: ["NOT_RESPONDING"] })])[0]!.kind).toBe("stop");
    expect(plan([node({ baseState: "UNKNOWN", flags: ["NOT_RESPONDING"] })])[0]!.kind).toBe("stop");
    expect(plan([node({ baseState: "UNKNOWN", flags: ["SLEEPY"] })])[0]!.kind).toBe("stop");
    expect(plan([node({ flags: ["MYSTERY"] })])[0]!.kind).toBe("stop");
    expect(plan([node({ flags: ["DRAIN"] })])[0]!.kind).toBe("drain");
    expect(plan([])[0]).toMatchObject({ kind: "stop", reason: "Slurm does not list this node" });
  });

  test("leaves executors alone on a node that a restarted slurmctld has not heard of yet", () => {
    expect(plan([node({ baseState: "UNKNOWN" })])).toEqual([]);
    expect(plan([node({ baseState: "UNKNOWN" })], [])).toEqual([]);
  });

  test("does not resize a draining executor, nor start another beside it", () => {
    expect(plan([node()], [executor({ state: "draining" })])).toEqual([]);
  });

  test("neither grows nor stops an executor while a job completes on its node", () => {
    const completing = { flags: ["COMPLETING"], baseState: "MIXED" as const };
    const small = executor({ budget: { cores: 4, memoryMb: 4_000, gpus: [] } });
    expect(plan([node({ ...completing, allocatedCores: 8 })], [small])).toEqual([]);
    expect(plan([node({ ...completing, allocatedCores: 14 })], [small])[0]).toMatchObject({
      kind: "resize",
      budget: { cores: 2 },
    });
  });
});

describe("pace", () => {
  const pace = { intervalMs: 5_000, minimumMs: 250, maximumMs: 60_000, staleMs: 15_000 };
  const pause = (state: Partial<PaceState>) =>
    pauseMs(pace, { usualReadMs: 30, failures: 0, woken: false, unsettledReads: 0, ...state });
  test("depends on wake-ups, slow reads and failures", () => {
    expect(pause({})).toBe(5_000);
    expect(pause({ woken: true })).toBe(250);
    expect(pause({ usualReadMs: 200 })).toBe(10_000);
    expect(pause({ usualReadMs: 400, woken: true })).toBe(2_000);
    expect([1, 2, 3, 9].map((failures) => pause({ failures, woken: true }))).toEqual([
      5_000, 10_000, 20_000, 60_000,
    ]);
  });
  test("leaves no view stale before the next one is read, however slow slurmctld is", () => {
    expect(pause({ usualReadMs: 400 })).toBe(14_200);
    expect(pause({ usualReadMs: 2_000 })).toBe(11_000);
    expect(pause({ usualReadMs: 4_000 })).toBe(20_000);
    expect(pause({ usualReadMs: 30_000 })).toBe(60_000);
  });
  test("is fast at first, then ever slower, while a job is leaving its node", () => {
    expect([1, 2, 5, 6, 99].map((unsettledReads) => pause({ unsettledReads }))).toEqual([
      250, 500, 4_000, 5_000, 5_000,
    ]);
    expect(pause({ unsettledReads: 3, woken: true })).toBe(250);
    expect(pause({ unsettledReads: 2, usualReadMs: 400 })).toBe(4_000);
  });
  test("follows no single slow read, and a slurmctld that stays slow from its second one", () => {
    const times = new ReadTimes();
    const usual = [0, 100, 5_000, 100, 120, 4_000, 4_000, 90].map((tookMs, read) => {
      if (read > 0) times.add(tookMs);
      return times.usualMs;
    });
    expect(usual).toEqual([0, 100, 100, 100, 120, 120, 4_000, 4_000]);
  });
});

describe("patterns", () => {
  const task = invocation({
    id: invocationId(45),
    arrayJobId: invocationId(42),
    arrayTaskId: 3,
    name: "a/b",
  });
  test("are filled in as sbatch does", () => {
    const names = { ...task, user: "ann", node: "n7.site" };
    const fill = (pattern: string) => fillPattern(pattern, names);
    expect(fill("%A_%a-%j-%x-%u-%N-%%.out")).toBe("42_3-45-a/b-ann-n7-%.out");
    expect(fill("%5j %3a %99a")).toBe("00045 003 0000000003");
    expect(fill("%q%")).toBe("%q%");
    expect(fill("\\%j")).toBe("%j");
    expect(fill("%t %s %J")).toBe("0 batch 45");
    expect(fillPattern("%t %s %J %2t", { ...names, task: 3 })).toBe("3 0 45.0 03");
  });
  test("put the default name and a relative one into the working directory", () => {
    expect(outputPath(null, task, nodeName("n1"), "/home/ann/")).toBe("/home/ann/slurm-42_3.out");
    expect(outputPath(null, invocation(), nodeName("n1"), "/home/ann")).toBe(
      "/home/ann/slurm-1.out",
    );
    expect(outputPath("/var/x.%j", task, nodeName("n1"), "/home/ann")).toBe("/var/x.45");
  });
});

/** The names of Slurm that a task of an array of five has in its second attempt. */
const slurmNamesOfTask = {
  ENVIRONMENT: "BATCH",
  SLURM_ARRAY_JOB_ID: "2147483690",
  SLURM_ARRAY_TASK_COUNT: "5",
  SLURM_ARRAY_TASK_ID: "3",
  SLURM_ARRAY_TASK_MAX: "9",
  SLURM_ARRAY_TASK_MIN: "1",
  SLURM_ARRAY_TASK_STEP: "2",
  SLURM_CONF: "/etc/slurm.conf",
  SLURM_CPUS_ON_NODE: "4",
  SLURM_CPUS_PER_TASK: "2",
  SLURM_GTIDS: "0",
  SLURM_JOBID: "2147483693",
  SLURM_JOB_CPUS_PER_NODE: "4",
  SLURM_JOB_END_TIME: "110",
  SLURM_JOB_GID: "1000",
  SLURM_JOB_ID: "2147483693",
  SLURM_JOB_NAME: "tile",
  SLURM_JOB_NODELIST: "n1",
  SLURM_JOB_NUM_NODES: "1",
  SLURM_JOB_START_TIME: "100",
  SLURM_JOB_UID: "1000",
  SLURM_JOB_USER: "ann",
  SLURM_LOCALID: "0",
  SLURM_MEM_PER_NODE: "100",
  SLURM_NNODES: "1",
  SLURM_NODEID: "0",
  SLURM_NODELIST: "n1",
  SLURM_NPROCS: "2",
  SLURM_NTASKS: "2",
  SLURM_PROCID: "0",
  SLURM_RESTART_COUNT: "1",
  SLURM_SUBMIT_DIR: "/home/ann",
  SLURM_SUBMIT_HOST: "login1",
  SLURM_TASKS_PER_NODE: "2",
  SLURMD_NODENAME: "n1",
};

test("the environment has the user's variables and Gleaner's, and never those of a surrounding job", () => {
  const submission = {
    workingDirectory: "/home/ann",
    submitHost: "login1",
    ...{ ntasks: 2, coresPerTask: 2 },
    arrayTasks: [{ from: 1, to: 9, step: 2 }],
    environment: {
      PATH: "/bin",
      SLURM_JOB_ID: "999",
      GLEANER_ATTEMPT: "9",
      SLURM_CONF: "/etc/slurm.conf",
    },
  } as unknown as Parameters<typeof environmentFor>[1];
  const task = invocation({
    id: invocationId(45),
    arrayJobId: invocationId(42),
    arrayTaskId: 3,
    cores: 4,
    startedAtMs: 100_000,
  });
  expect(environmentFor(task, submission, 2, nodeName("n1"))).toEqual({
    ...{ PATH: "/bin", HOSTNAME: "n1", SLURM_JOB_PARTITION: "gleaner" },
    GLEANER_INVOCATION_ID: "45",
    GLEANER_ATTEMPT: "2",
    GLEANER_CPUS: "4",
    GLEANER_MEMORY_MB: "100",
    GLEANER_NODE: "n1",
    GLEANER_ARRAY_JOB_ID: "42",
    GLEANER_ARRAY_TASK_ID: "3",
    ...slurmNamesOfTask,
  });
  const own = { SLURM_TMPDIR: "/scratch", SLURM_NTASKS: "3", SLURM_FOO: "1" };
  const inJob = { ...submission, environment: { SLURM_JOBID: "9", ...own } };
  expect(environmentFor(task, inJob, 1, nodeName("n1"))).toMatchObject({ SLURM_NTASKS: "2" });
  expect(environmentFor(task, inJob, 1, nodeName("n1"))).not.toHaveProperty("SLURM_FOO");
  const asked = { ...submission, optionVariables: { SLURM_MEM_PER_CPU: "25", SLURM_JOB_ID: "7" } };
  expect(environmentFor(task, asked, 2, nodeName("n1")).SLURM_MEM_PER_NODE).toBeUndefined();
  // Only ids of earlier versions may be those of jobs.
  const recent = invocation({ id: invocationId(67_108_864) });
  expect(environmentFor(recent, submission, 1, nodeName("n1"))).toMatchObject({
    GLEANER_INVOCATION_ID: "67108864",
    SLURM_JOB_ID: "67108864",
  });
});

test("as under sbatch, the SLURM_ names of a shell outside of jobs reach a function, but no ids", () => {
  const own = { SLURM_TMPDIR: "/scratch", SLURM_NTASKS: "3", SLURM_FOO: "1" };
  const ids = { SLURM_STEP_ID: "1", SLURM_ARRAY_JOB_ID: "7", SLURM_RESTART_COUNT: "1" };
  const submission = {
    workingDirectory: "/home/ann",
    environment: { ...own, ...ids, SLURMD_NODENAME: "n9", GLEANER_ATTEMPT: "9" },
  } as unknown as Parameters<typeof environmentFor>[1];
  const told = environmentFor(invocation({}), submission, 1, nodeName("n1"));
  expect(told).toMatchObject({ ...own, SLURMD_NODENAME: "n1", GLEANER_ATTEMPT: "1" });
  for (const name of Object.keys(ids)) expect(told).not.toHaveProperty(name);
});

describe("the hook's assurance", () => {
  const programs = {
    hook: "prolog",
    prolog: facts.prologs[0]!,
    epilog: facts.epilogs[0]!,
    prologWrapper: null,
  } as const;
  test("needs the prolog, its flag and the epilog", () => {
    expect(hookProblemOf(facts, programs)).toBeNull();
    expect(hookProblemOf({ ...facts, prologFlags: ["Alloc", "NoHold"] }, programs)).toBeNull();
    expect(hookProblemOf({ ...facts, prologs: [] }, programs)).toContain(
      `Prolog=${programs.prolog}`,
    );
    expect(hookProblemOf({ ...facts, prologFlags: ["NoHold"] }, programs)).toContain(
      "PrologFlags=Alloc",
    );
    expect(hookProblemOf({ ...facts, prologFlags: ["Contain"] }, programs)).toBeNull();
    expect(hookProblemOf({ ...facts, epilogs: [] }, programs)).toContain("Epilog=");
  });
  test("needs the plugin of slurmd that runs it, as a program or a plugin", () => {
    for (const hook of ["prolog", "spank"] as const)
      expect(hookProblemOf({ ...facts, runsPrologs: false }, { ...programs, hook })).toContain(
        "PrEpPlugins without prep/script",
      );
  });
  test("reports that salloc waits for prologs, and the remedy if there is one", () => {
    const deps = (...prologFlags: string[]) => sallocProblemOf({ ...facts, prologFlags });
    expect(deps("Alloc")).toContain("set PrologFlags=Alloc,NoHold");
    expect(deps("Alloc", "Contain")).toContain("leave no alternative");
    expect(deps("Alloc", "NoHold")).toBeNull();
    expect(deps()).toBeNull();
    expect(sallocProblemOf({ ...facts, version: "24.11.5" })).toBeNull();
  });
  test("accepts a wrapper in place of both", () => {
    const wrapped = { ...programs, prologWrapper: "/etc/slurm/prolog.sh" };
    expect(hookProblemOf(facts, wrapped)).toContain("Prolog=/etc/slurm/prolog.sh");
    expect(
      hookProblemOf({ ...facts, prologs: ["/etc/slurm/prolog.sh"], epilogs: [] }, wrapped),
    ).toBeNull();
  });
  test("with a plugin needs no programs, but the flag and a file that can list it", () => {
    const plugin = { ...programs, hook: "spank" } as const;
    const bare = { ...facts, prologs: [], epilogs: [] };
    expect(hookProblemOf(bare, plugin)).toBeNull();
    expect(hookProblemOf({ ...bare, prologFlags: [] }, plugin)).toContain("PrologFlags=Alloc");
    expect(hookProblemOf({ ...bare, pluginStack: null }, plugin)).toContain("PlugStackConfig");
    const inJob = { ...facts, prologFlags: ["Alloc", "Contain", "RunInJob"] };
    expect(hookProblemOf(inJob, plugin)).toContain("PrologFlags=RunInJob");
    expect(hookProblemOf(inJob, programs)).toBeNull();
  });
});

describe("explain", () => {
  const view = {
    executors: [],
    expectedMs: 60_000,
    pendingAhead: 0,
    stale: false,
    slurmProblem: null,
    allDrained: false,
  };
  const slot = (cores: number, free: number, endsInMs: number | null = null) => ({
    endsInMs,
    budget: { cores, memoryMb: 9_000, gpus: [] },
    free: { cores: free, memoryMb: 9_000, gpus: [] },
  });
  test("names the decisive reason first", () => {
    const wide = invocation({ cores: 8 });
    expect(explainWait(wide, view)[0]).toContain("no node has a hole");
    expect(explainWait(wide, { ...view, executors: [slot(4, 4)] })[0]).toContain(
      "no hole is large enough",
    );
    expect(explainWait(wide, { ...view, executors: [slot(8, 2)] })[0]).toContain("busy");
    expect(explainWait(wide, { ...view, executors: [slot(8, 8)] })[0]).toBe("it is about to start");
    expect(explainWait(wide, { ...view, executors: [slot(8, 8, 59_999)] })[0]).toContain(
      "the invocation is expected to take 60 s",
    );
    expect(explainWait(wide, { ...view, allDrained: true })[0]).toContain("operator");
    const short = { longestMs: 45_000, nowLongestMs: 20_000 };
    const ofPilots = { ...view, pilotTime: short, expectedMs: 30_000, pilotsComing: 1 };
    expect(explainWait(wide, ofPilots)[0]).toMatch(/30 s, but a pilot .* would have only 20 s/);
    expect(explainWait(wide, { ...ofPilots, expectedMs: 90_000 })[0]).toMatch(
      /pilots have at most 45 s/,
    );
    expect(explainWait(wide, { ...ofPilots, expectedMs: 9_000 })[0]).toMatch(
      /Slurm has yet to start 1 pilot/,
    );
    const gpuProblems = [{ node: "n1", reason: "they are slices" }];
    const told = "Gleaner does not use the GPUs of n1: they are slices";
    expect(explainWait(wide, { ...view, gpuProblems })).not.toContain(told);
    expect(explainWait({ ...wide, gpus: 1 }, { ...view, gpuProblems })).toContain(told);
    expect(explainWait(wide, { ...view, stale: true, slurmProblem: "timed out" })[0]).toContain(
      "timed out",
    );
  });
});

test("a state machine throws on a forbidden step", () => {
  expect(step(invocationTransitions, "PENDING", "RUNNING", "invocation 1")).toBe("RUNNING");
  expect(() => step(invocationTransitions, "COMPLETED", "RUNNING", "invocation 1")).toThrow(
    "invocation 1 cannot go from COMPLETED to RUNNING",
  );
});
