// Small made-up nouns for tests of the pure core, and fast-check generators of them.

import fc from "fast-check";
import type { HoleContext, HolePolicy } from "../../src/core/capacity/holes.js";
import type { QueueLoad } from "../../src/core/submission/admission.js";
import { type Executor, executorTransitions } from "../../src/model/capacity/executor.js";
import { type ExecutorId, executorId, invocationId, jobId, nodeName } from "../../src/model/ids.js";
import type { Invocation, Submission } from "../../src/model/invocation.js";
import { newInvocation } from "../../src/model/records/invocation.js";
import type { Job } from "../../src/model/slurm/job.js";
import type { Node } from "../../src/model/slurm/node.js";
import type { ClusterFacts, Snapshot } from "../../src/model/slurm/snapshot.js";

export const facts: ClusterFacts = {
  clusterName: "test",
  version: "22.05.8",
  prologs: ["/usr/libexec/gleaner/glean-prolog"],
  epilogs: ["/usr/libexec/gleaner/glean-epilog"],
  prologFlags: ["Alloc"],
  runsPrologs: true,
  pluginStack: "/etc/slurm/plugstack.conf",
  slurmdSpoolDirectory: "/var/spool/slurmd",
  jobsArePinned: false,
  memoryIsConsumable: true,
  coreSpecIsHidden: false,
  preemptType: "preempt/none",
  preemptExemptMs: 0,
  maxMemoryPerCoreMb: 2_000,
};

export const policy: HolePolicy = {
  partitions: null,
  memoryMarginMb: 500,
  minimumMemoryMb: 64,
  minimumHoleMs: 2_000,
  staleMs: 15_000,
};

export function context(change: Partial<HoleContext> = {}): HoleContext {
  return {
    nowMs: 100_000,
    drainedBy: () => null,
    hookProblem: null,
    failing: new Map(),
    ...change,
  };
}

export function node(change: Partial<Node> = {}): Node {
  return {
    name: nodeName("n1"),
    address: "127.0.0.1",
    hostName: "localhost",
    baseState: "IDLE",
    flags: [],
    cores: 16,
    allocatedCores: 0,
    memoryMb: 32_000,
    allocatedMemoryMb: 0,
    gpuCount: 0,
    allocatedGpus: [],
    untoldGpuCount: null,
    gpuProblem: null,
    features: [],
    gpuType: null,
    gpusDiffer: false,
    temporaryMb: null,
    hasGres: false,
    threadsPerCore: 1,
    cpuTotal: 16,
    specialisedCpuIds: [],
    partitions: ["batch"],
    owner: null,
    mcsLabel: null,
    reason: null,
    version: "22.05.8",
    ...change,
  };
}

export function job(change: Partial<Job> = {}): Job {
  return {
    id: jobId(1),
    displayId: "1",
    name: "job",
    user: "ann",
    account: "physics",
    partition: "batch",
    qos: "normal",
    state: "PENDING",
    cores: 16,
    nodeCount: 1,
    nodes: [],
    submittedAtMs: 90_000,
    startAtMs: null,
    endAtMs: null,
    timeLimitMs: 60_000,
    plannedNodes: [],
    reason: "Priority",
    ...change,
  };
}

export function snapshot(change: Partial<Snapshot> = {}): Snapshot {
  return {
    facts,
    nodes: [node()],
    jobs: [],
    shares: new Map(),
    partitions: [],
    reservations: [],
    nodesAskedAtMs: 99_000,
    nodesReadAtMs: 99_050,
    jobsAskedAtMs: 98_900,
    unreadable: [],
    ...change,
  };
}

export function executor(change: Partial<Executor> = {}): Executor {
  return {
    id: executorId("x1"),
    node: nodeName("n1"),
    placement: "direct",
    state: "ready",
    budget: { cores: 16, memoryMb: 31_500, gpus: [] },
    ...change,
  };
}

export function invocation(change: Partial<Invocation> = {}): Invocation {
  const fresh = newInvocation({
    id: invocationId(1),
    arrayJobId: null,
    arrayTaskId: null,
    owner: { uid: 1000, gid: 1000, user: "ann" },
    name: "tile",
    cores: 1,
    memoryMb: 100,
    gpus: 0,
    timeLimitMs: 10_000,
    submittedAtMs: 90_000,
  });
  return { ...fresh, ...change };
}

/** What the invocation was made from. */
export function submission(change: Partial<Submission> = {}): Submission {
  return {
    name: "tile",
    command: { kind: "argv", argv: ["true"] },
    cores: 1,
    memoryMb: 100,
    gpus: 0,
    timeLimitMs: 10_000,
    workingDirectory: "/home/ann",
    stdoutPattern: null,
    stderrPattern: null,
    environment: {},
    arrayTasks: null,
    ...change,
  };
}

const flagWords = [
  "DRAIN",
  "COMPLETING",
  "PLANNED",
  "NOT_RESPONDING",
  "MAINT",
  "CLOUD",
  "REBOOT_REQUESTED",
  "SOMETHING_NEW",
];

/**
 * Any node that Slurm could ever show, consistent or not: more allocated than exists, unknown
 * states.
 */
const anyNode = fc
  .record({
    baseState: fc.constantFrom<Node["baseState"]>(
      "IDLE",
      "MIXED",
      "ALLOCATED",
      "DOWN",
      "FUTURE",
      "ERROR",
      "UNKNOWN",
    ),
    flags: fc.subarray(flagWords, { maxLength: 2 }),
    cores: fc.integer({ min: 0, max: 128 }),
    allocatedCores: fc.integer({ min: 0, max: 140 }),
    memoryMb: fc.integer({ min: 0, max: 256_000 }),
    allocatedMemoryMb: fc.integer({ min: 0, max: 260_000 }),
    gpuCount: fc.integer({ min: 0, max: 4 }),
    allocatedGpus: fc.subarray([0, 1, 2, 3, 4]),
    owner: fc.constantFrom(null, null, null, "bob"),
    partitions: fc.subarray(["batch", "debug"], { minLength: 1 }),
    nvme: fc.option(fc.tuple(fc.nat(4), fc.nat(5))),
  })
  .map(({ nvme, ...each }) =>
    node(
      nvme === null
        ? each
        : { ...each, countedGres: { total: { nvme: nvme[0] }, allocated: { nvme: nvme[1] } } },
    ),
  );

export const anySnapshot = fc
  .record({
    nodes: fc.array(anyNode, { maxLength: 12 }),
    ageMs: fc.integer({ min: 0, max: 20_000 }),
    planned: fc.array(
      fc.record({
        at: fc.integer({ min: 95_000, max: 120_000 }),
        on: fc.integer({ min: 0, max: 12 }),
      }),
      { maxLength: 4 },
    ),
  })
  .map(({ nodes, ageMs, planned }) =>
    snapshot({
      nodes: nodes.map((each, index) => ({ ...each, name: nodeName(`n${index}`) })),
      nodesAskedAtMs: 100_000 - ageMs,
      jobs: planned.map(({ at, on }, index) =>
        job({ id: jobId(index + 1), startAtMs: at, plannedNodes: [nodeName(`n${on}`)] }),
      ),
    }),
  );

/** Executors on some of the nodes n0..n12, in any state but one per node. */
export const anyExecutors = fc
  .array(
    fc.record({
      on: fc.integer({ min: 0, max: 12 }),
      state: fc.constantFrom(...(Object.keys(executorTransitions) as Executor["state"][])),
      cores: fc.integer({ min: 0, max: 64 }),
    }),
    { maxLength: 12 },
  )
  .map((all) => {
    const byNode = new Map<string, Executor>();
    for (const { on, state, cores } of all)
      byNode.set(
        `n${on}`,
        executor({
          id: `x${on}` as ExecutorId,
          node: nodeName(`n${on}`),
          state,
          budget: { cores, memoryMb: cores * 1_000, gpus: [] },
        }),
      );
    return [...byNode.values()];
  });

/** A queue that holds nothing. */
export const noLoad: QueueLoad = {
  waiting: 0,
  ownWaiting: 0,
  entries: 0,
  ownEntries: 0,
  documentBytes: 0,
  ownDocumentBytes: 0,
};
