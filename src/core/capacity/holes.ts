// From a snapshot to the holes in it: idle nodes and the idle rest of partly used ones, and why the others have none.

import type { Hole, UnusableNode, UnusableReason } from "../../model/capacity/hole.js";
import type { NodeName } from "../../model/ids.js";
import type { Resources } from "../../model/resources.js";
import type { Node } from "../../model/slurm/node.js";
import type { ClusterFacts, Snapshot } from "../../model/slurm/snapshot.js";
import { type KnownEnd, plannedEnds, survivalEnd } from "../forecast/lifetime.js";
import type { Survival } from "../forecast/survival.js";
import { Claims } from "./claims.js";
import type { Interference } from "./interference.js";
import { withReservation } from "./reservations.js";
import type { Illness } from "./sick-nodes.js";

/** What the site allows; comes from the configuration. */
export interface HolePolicy {
  /** null: the nodes of all partitions. */
  readonly partitions: readonly string[] | null;
  readonly memoryMarginMb: number;
  /** Partitions whose jobs leave functions what they did not ask for of nodes that they have to themselves; left out: none. */
  readonly exclusivePartitions?: readonly string[];
  /** A hole with less memory is of no use to any function. */
  readonly minimumMemoryMb: number;
  readonly minimumHoleMs: number;
  /** An executor leaves, and no work is expected to run, this long before a planned start; left out: at the start. */
  readonly vacateMs?: number;
  /** An older snapshot yields no holes. */
  readonly staleMs: number;
}

/** What is known beside the snapshot. */
export interface HoleContext {
  readonly nowMs: number;
  /** The operator who took a node out, or null. */
  readonly drainedBy: (node: NodeName) => string | null;
  /** One sentence when slurm.conf does not run our hook: then no node may be used. */
  readonly hookProblem: string | null;
  /** Pilots only: one sentence when Slurm is not set up to preempt them. Left out: executors are no jobs. */
  readonly preemptionProblem?: string | null;
  /** Nodes on which a start failed lately: no start before `retryAtMs`. */
  readonly failing: ReadonlyMap<NodeName, { readonly detail: string; readonly retryAtMs: number }>;
  /** When the hole that is on a node opened, as far as it was watched; without it holes are as young as the snapshot. */
  readonly openedAtMs?: (node: NodeName) => number | null;
  /** Whether batch jobs suffered there beside functions, and until when it is left alone; left out: nobody looks. */
  readonly interference?: (node: NodeName) => Interference | null;
  /** Whether commands cannot be started there, and until when it is left alone; left out: nobody knows. */
  readonly sick?: (node: NodeName) => Illness | null;
  /** How long holes last here; without it nothing is predicted where Slurm plans nothing. */
  readonly survival?: Survival;
}

export interface Holes {
  readonly holes: readonly Hole[];
  readonly unusable: readonly UnusableNode[];
}

/** States whose free part may be used. */
const usableBaseStates: ReadonlySet<string> = new Set(["IDLE", "MIXED", "ALLOCATED"]);

/** Flags that say nothing against use. Any flag that is not here means no: a state we do not know is no hole. */
const harmlessFlags: ReadonlySet<string> = new Set([
  "CLOUD",
  "DYNAMIC_NORM",
  "DYNAMIC_FUTURE",
  "PLANNED",
]);

/** Every node of the snapshot is in exactly one of the two lists. */
export function findHoles(
  snapshot: Snapshot,
  policy: HolePolicy,
  context: HoleContext,
  claims = new Claims(snapshot),
): Holes {
  const ageMs = context.nowMs - snapshot.nodesAskedAtMs;
  const ends = plannedEnds(snapshot, context.nowMs);
  const holes: Hole[] = [];
  const unusable: UnusableNode[] = [];
  for (const node of snapshot.nodes) {
    const free = freeOf(node, policy, snapshot.facts, claims);
    const planned = ends.get(node.name);
    const plannedAtMs = planned?.endsAtMs ?? null;
    const reason =
      ageMs > policy.staleMs
        ? ({ kind: "stale", ageMs } as const)
        : whyUnusable(node, free, plannedAtMs, policy, context);
    if (reason !== null) {
      const idleCores = Math.max(0, node.cores - free.takenCores);
      const told = withReservation(reason, node, snapshot, context.nowMs);
      unusable.push({ node: node.name, reason: told, idleCores });
      continue;
    }
    const sinceMs = context.openedAtMs?.(node.name) ?? snapshot.nodesAskedAtMs;
    holes.push(holeOn(node, free, sinceMs, planned, context));
  }
  return { holes, unusable };
}

function holeOn(
  { name }: Node,
  { budget: free, takenCores, gpuProblem }: Free,
  sinceMs: number,
  planned: KnownEnd | undefined,
  { nowMs, survival }: HoleContext,
): Hole {
  const kind: Hole["kind"] = takenCores === 0 ? "wholeNode" : "fragment";
  const end =
    planned ??
    survivalEnd(survival, kind, nowMs - sinceMs, survival?.hazardRatio(name) ?? 1, nowMs);
  const predictedEndAtMs = planned?.endsAtMs ?? null;
  const hole = { node: name, kind, free, sinceMs, predictedEndAtMs, end };
  return gpuProblem === null ? hole : { ...hole, gpuProblem };
}

/**
 * What jobs were not given, less the margin that keeps memory pressure away from them. Where Slurm does not count
 * memory, a job may use what it likes: then idle cores bring their share of the node's memory and no more.
 */
export function freeOf(
  node: Node,
  policy: Pick<HolePolicy, "memoryMarginMb" | "exclusivePartitions">,
  facts: Pick<ClusterFacts, "memoryIsConsumable" | "jobsArePinned">,
  claims: Claims,
): Free {
  const used = claims.coresAskedFor(node, policy.exclusivePartitions ?? []);
  const taken = claims.takenCores(node);
  const cpus = facts.jobsArePinned && taken > 0 && used === null ? claims.freeCpus(node) : null;
  // The CPUs of suspended jobs are named, too.
  const cores = cpus?.told
    ? Math.min(Math.max(0, node.cores - node.allocatedCores), cpus.ids.length)
    : Math.max(0, node.cores - (used ?? taken));
  const unusedMb = facts.memoryIsConsumable
    ? node.memoryMb - node.allocatedMemoryMb
    : Math.floor((node.memoryMb * cores) / Math.max(1, node.cores));
  const gpus = claims.freeGpus(node);
  const budget = {
    cores,
    memoryMb: Math.max(0, unusedMb - policy.memoryMarginMb),
    gpus: gpus.indices,
  };
  return {
    budget: cpus?.told ? { ...budget, cpuIds: cpus.ids } : budget,
    takenCores: taken,
    whyUntold: cpus?.told === false ? cpus.why : null,
    gpuProblem: gpus.problem,
    isUnderExclusive: used !== null,
  };
}

/** What of a node jobs do not use. */
export interface Free {
  readonly budget: Resources;
  /** Cores that running and suspended jobs have. */
  readonly takenCores: number;
  /** Its jobs are pinned, and which cores they leave free cannot be told: then nothing of it may be used. */
  readonly whyUntold: string | null;
  /** Why GPUs of it are not given away though no job may have them; null: all that are free are. */
  readonly gpuProblem: string | null;
  /** The node is one job's own, and the site gives away what that job did not ask for. */
  readonly isUnderExclusive: boolean;
}

function whyUnusable(
  node: Node,
  { budget: free, whyUntold, isUnderExclusive }: Free,
  endsAtMs: number | null,
  policy: HolePolicy,
  context: HoleContext,
): UnusableReason | null {
  if (context.hookProblem !== null) return { kind: "noHook", detail: context.hookProblem };
  const unpreempted = context.preemptionProblem ?? null;
  if (unpreempted !== null) return { kind: "noPreemption", detail: unpreempted };
  const drainedBy = context.drainedBy(node.name);
  if (drainedBy !== null) return { kind: "drained", by: drainedBy };
  const state = whyStateForbids(node, isUnderExclusive);
  if (state !== null) return state;
  if (node.owner !== null) return { kind: "owner", owner: node.owner };
  if (
    policy.partitions !== null &&
    !node.partitions.some((name) => policy.partitions!.includes(name))
  )
    return { kind: "partition", partition: node.partitions[0] ?? "none" };
  if (free.cores === 0) return { kind: "full" };
  if (whyUntold !== null) return { kind: "pinned", why: whyUntold };
  if (free.memoryMb < policy.minimumMemoryMb)
    return { kind: "memory", freeMb: free.memoryMb, neededMb: policy.minimumMemoryMb };
  if (endsAtMs !== null && endsAtMs - context.nowMs < policy.minimumHoleMs)
    return { kind: "tooShort", endsInMs: Math.max(0, endsAtMs - context.nowMs) };
  const interference = context.interference?.(node.name) ?? null;
  if (interference !== null) {
    const retryInMs = Math.max(0, interference.untilMs - context.nowMs);
    return { kind: "interference", detail: interference.detail, retryInMs };
  }
  const sick = context.sick?.(node.name) ?? null;
  if (sick !== null)
    return { kind: "sick", detail: sick.detail, retryInMs: sick.untilMs - context.nowMs };
  const failing = context.failing.get(node.name);
  if (failing !== undefined && failing.retryAtMs > context.nowMs)
    return {
      kind: "launchFailing",
      detail: failing.detail,
      retryInMs: failing.retryAtMs - context.nowMs,
    };
  return null;
}

function whyStateForbids(node: Node, isUnderExclusive: boolean): UnusableReason | null {
  const flag = node.flags.find((each) => !harmlessFlags.has(each));
  if (flag !== undefined) {
    const kind = knownHarmfulFlags.has(flag) ? "state" : "unknownState";
    return { kind, flag };
  }
  if (node.baseState === "ALLOCATED" && !isUnderExclusive) return { kind: "full" };
  if (node.baseState === "UNKNOWN") return { kind: "unknownState", flag: node.baseState };
  if (!usableBaseStates.has(node.baseState)) return { kind: "state", flag: node.baseState };
  return null;
}

/** Flags we know to forbid use; they differ from unknown ones only in what `explain` says. */
const knownHarmfulFlags: ReadonlySet<string> = new Set([
  "DRAIN",
  "DRAINED",
  "DRAINING",
  "FAIL",
  "NOT_RESPONDING",
  "COMPLETING",
  "MAINT",
  "MAINTENANCE",
  "RESERVED",
  "REBOOT",
  "REBOOT_REQUESTED",
  "REBOOT_ISSUED",
  "POWER_DOWN",
  "POWERED_DOWN",
  "POWERING_DOWN",
  "POWER_UP",
  "POWERING_UP",
  "POWER_DRAIN",
  "INVALID_REG",
  "BLOCKED",
]);
