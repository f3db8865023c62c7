// The simulated nodes: what jobs hold, the executor's budget, and how the core sees the node.

import type { Executor, ExecutorState } from "../../model/capacity/executor.js";
import { assert } from "../../model/errors.js";
import { type ExecutorId, executorId, type NodeName } from "../../model/ids.js";
import { nothing, type Resources, subtract } from "../../model/resources.js";
import type { Job } from "../../model/slurm/job.js";
import type { Node } from "../../model/slurm/node.js";
import type { ClusterFacts, Snapshot } from "../../model/slurm/snapshot.js";
import type { TraceNode } from "./trace.js";

/** A node with its executor, if there is one. */
export interface SimulatedNode {
  readonly index: number;
  readonly trace: TraceNode;
  readonly executorId: ExecutorId;
  allocatedCores: number;
  allocatedMemoryMb: number;
  /** Outages that last; the node is in service if there are none. */
  outages: number;
  /** `gone` if there is none. */
  executor: ExecutorState;
  budget: Resources;
  /**
   * How many executors there have been: if an executor ended while it started, its start is
   * ignored.
   */
  generation: number;
  /** Drained: its calls end, and no new ones begin. */
  isClosed: boolean;
  /** Whether it still has to be read. */
  isDirty: boolean;
}

export const newNode = (trace: TraceNode, index: number): SimulatedNode => ({
  index,
  trace,
  executorId: executorId(`x-${trace.name}`),
  allocatedCores: 0,
  allocatedMemoryMb: 0,
  outages: 0,
  executor: "gone",
  budget: nothing,
  generation: 0,
  isClosed: false,
  isDirty: false,
});

/** None while the node is out; never below zero: a log may report more than the node has. */
export const freeCores = ({ trace, allocatedCores, outages }: SimulatedNode): number =>
  outages > 0 ? 0 : Math.max(0, trace.cores - allocatedCores);

export const hasExecutor = ({ executor }: SimulatedNode): boolean => executor !== "gone";

/** The calls that fit into these cores and this memory: each needs both. */
export const slotsIn = (
  { cores, memoryMb }: Pick<Resources, "cores" | "memoryMb">,
  callMemoryMb: number,
): number => Math.max(0, Math.min(cores, Math.floor(memoryMb / callMemoryMb)));

/** A job's cores leave the budget at once, as through the node's hook. */
export function jobBegins(node: SimulatedNode, cores: number, memoryMb: number): void {
  node.allocatedCores += cores;
  node.allocatedMemoryMb += memoryMb;
  if (hasExecutor(node)) node.budget = subtract(node.budget, { cores, memoryMb, gpus: [] });
}

/** Gleaner gets a job's cores only after the next read. */
export function jobEnds(node: SimulatedNode, cores: number, memoryMb: number): void {
  node.allocatedCores -= cores;
  node.allocatedMemoryMb -= memoryMb;
  assert(node.allocatedCores >= 0, "a job gives back what it took");
}

/** The node goes out of service, whatever runs there. */
export function outageBegins(node: SimulatedNode): void {
  node.outages++;
  if (hasExecutor(node)) node.budget = { ...node.budget, cores: 0, memoryMb: 0 };
}

export function outageEnds(node: SimulatedNode): void {
  node.outages--;
  assert(node.outages >= 0, "an outage ends once");
}

export function launch(node: SimulatedNode, budget: Resources): void {
  assert(!hasExecutor(node), "a node has one executor");
  node.executor = "starting";
  node.budget = budget;
  node.generation++;
}

export function leave(node: SimulatedNode): void {
  node.executor = "gone";
  node.budget = nothing;
}

export const coreExecutor = (node: SimulatedNode): Executor => ({
  id: node.executorId,
  node: node.trace.name,
  placement: "direct",
  state: node.executor,
  budget: node.budget,
});

const facts: ClusterFacts = {
  clusterName: "simulated",
  version: "simulated",
  prologs: [],
  epilogs: [],
  prologFlags: [],
  runsPrologs: true,
  // A trace does not say which cores a job had; whether a site pins its jobs must be added to the
  // figures there.
  slurmdSpoolDirectory: null,
  jobsArePinned: false,
  memoryIsConsumable: true,
  preemptType: "preempt/none",
  preemptExemptMs: 0,
  coreSpecIsHidden: false,
  maxMemoryPerCoreMb: null,
  pluginStack: null,
};

/** What a read of Slurm would show for these nodes at `nowMs`. */
export function snapshotOf(
  nodes: readonly SimulatedNode[],
  jobs: readonly Job[],
  wholeNodesOnly: boolean,
  nowMs: number,
): Snapshot {
  return {
    facts,
    nodes: nodes.map((node) => coreNode(node, wholeNodesOnly)),
    jobs,
    partitions: [],
    shares: new Map(),
    reservations: [],
    nodesAskedAtMs: nowMs,
    nodesReadAtMs: nowMs,
    jobsAskedAtMs: nowMs,
    unreadable: [],
  };
}

function coreNode(node: SimulatedNode, wholeNodesOnly: boolean): Node {
  const { name, cores, memoryMb } = node.trace;
  const isTaken = node.outages > 0 || (wholeNodesOnly && node.allocatedCores > 0);
  const taken = isTaken ? cores : node.allocatedCores;
  return {
    name,
    address: name,
    hostName: name,
    baseState: taken === 0 ? "IDLE" : taken >= cores ? "ALLOCATED" : "MIXED",
    flags: [],
    cores,
    allocatedCores: taken,
    memoryMb,
    allocatedMemoryMb: node.allocatedMemoryMb,
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
    cpuTotal: cores,
    specialisedCpuIds: [],
    partitions: [],
    owner: null,
    mcsLabel: null,
    reason: null,
    version: null,
  };
}

/** A pending job that backfill plans on the node: this is how the core learns of a hole's end. */
export const plannedJob = (node: NodeName, startAtMs: number, id: Job["id"]): Job => ({
  id,
  displayId: String(id),
  name: "planned",
  user: "batch",
  account: "",
  partition: "",
  qos: "",
  state: "PENDING",
  cores: 1,
  nodeCount: 1,
  nodes: [],
  submittedAtMs: null,
  startAtMs,
  endAtMs: null,
  timeLimitMs: null,
  plannedNodes: [node],
  reason: "",
});
