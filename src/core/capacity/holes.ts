// Derives the holes from a snapshot: idle nodes and the idle rest of partly used ones, and why the
// other nodes have none.

import type { Hole, UnusableNode, UnusableReason } from "../../model/capacity/hole.js";
import type { NodeName } from "../../model/ids.js";
import type { Resources } from "../../model/resources.js";
import { gresField } from "../../model/slurm/gres-counts.js";
import type { Node } from "../../model/slurm/node.js";
import type { ClusterFacts, Snapshot } from "../../model/slurm/snapshot.js";
import { type KnownEnd, plannedEnds, survivalEnd } from "../forecast/lifetime.js";
import type { Survival } from "../forecast/survival.js";
import { Claims } from "./claims.js";
import type { Interference } from "./interference.js";
import { withReservation } from "./reservations.js";
import type { Illness } from "./sick-nodes.js";

/** The site's rules, from the configuration. */
export interface HolePolicy {
  /** null allows the nodes of all partitions. */
  readonly partitions: readonly string[] | null;
  readonly memoryMarginMb: number;
  /**
   * Partitions whose exclusive jobs leave functions the part of their nodes that they did not ask
   * for; if omitted, none.
   */
  readonly exclusivePartitions?: readonly string[];
  /** A hole with less memory is too small for any function. */
  readonly minimumMemoryMb: number;
  readonly minimumHoleMs: number;
  /**
   * How long before a planned start an executor leaves and no work is expected to run; if omitted,
   * 0.
   */
  readonly vacateMs?: number;
  /** A snapshot older than this yields no holes. */
  readonly staleMs: number;
}

/** Facts that the snapshot does not contain. */
export interface HoleContext {
  readonly nowMs: number;
  /** The operator who drained a node, or null. */
  readonly drainedBy: (node: NodeName) => string | null;
  /** One sentence if slurm.conf does not run our hook; then no node may be used. */
  readonly hookProblem: string | null;
  /**
   * For pilots only: one sentence if Slurm is not configured to preempt them. If omitted, executors
   * are not jobs.
   */
  readonly preemptionProblem?: string | null;
  /** Nodes on which a start failed recently: no new start before `retryAtMs`. */
  readonly failing: ReadonlyMap<NodeName, { readonly detail: string; readonly retryAtMs: number }>;
  /**
   * When the present hole on a node opened, as far as it was observed; if omitted, holes are as old
   * as the snapshot.
   */
  readonly openedAtMs?: (node: NodeName) => number | null;
  /**
   * Whether functions slowed down batch jobs on the node, and until when Gleaner avoids it; if
   * omitted, nothing is measured.
   */
  readonly interference?: (node: NodeName) => Interference | null;
  /**
   * Whether commands fail to start on the node, and until when Gleaner avoids it; if omitted,
   * unknown.
   */
  readonly sick?: (node: NodeName) => Illness | null;
  /** Whether the node had no memory left for functions, likewise; if omitted, unknown. */
  readonly full?: (node: NodeName) => Illness | null;
  /** How long holes last at this site; if omitted, only Slurm's plans are predicted. */
  readonly survival?: Survival;
}

export interface Holes {
  readonly holes: readonly Hole[];
  readonly unusable: readonly UnusableNode[];
}

/** Base states of which the free part may be used. */
const usableBaseStates: ReadonlySet<string> = new Set(["IDLE", "MIXED", "ALLOCATED"]);

/** Flags that do not prevent use. Any other flag does: an unknown state never yields a hole. */
const harmlessFlags: ReadonlySet<string> = new Set([
  "CLOUD",
  "DYNAMIC_NORM",
  "DYNAMIC_FUTURE",
  "PLANNED",
]);

/** Puts every node of the snapshot in exactly one of the two lists. */
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
      const told = withReservation(reason, node, snapshot, context.nowMs);
      unusable.push({ node: node.name, reason: told, idleCores: claims.idleCores(node) });
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
 * The unallocated resources, less the margin that protects jobs from memory pressure. If Slurm does
 * not count memory, a job may use any amount, so that idle cores come only with their share of the
 * node's memory.
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
  // CPU lists include the CPUs of suspended jobs.
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
    ...gresField(used === null ? claims.freeGres(node) : undefined),
  };
  return {
    budget: cpus?.told ? { ...budget, cpuIds: cpus.ids } : budget,
    takenCores: taken,
    whyUntold: cpus?.told === false ? cpus.why : null,
    gpuProblem: gpus.problem,
    isUnderExclusive: used !== null,
  };
}

/** The part of a node that jobs do not use. */
export interface Free {
  readonly budget: Resources;
  /** Cores held by running, suspended and completing jobs. */
  readonly takenCores: number;
  /**
   * Why the free cores of a node with pinned jobs cannot be determined; then none of it may be
   * used.
   */
  readonly whyUntold: string | null;
  /**
   * Why Gleaner leaves some GPUs unused although no job may hold them; null if it uses all free
   * ones.
   */
  readonly gpuProblem: string | null;
  /** One job has the node to itself, and the site offers the part that it did not ask for. */
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
  if (node.mcsLabel !== null) return { kind: "owner", owner: node.mcsLabel, isLabel: true };
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
  const full = context.full?.(node.name) ?? null;
  if (full !== null)
    return { kind: "noMemoryLeft", detail: full.detail, retryInMs: full.untilMs - context.nowMs };
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
  if (!usableBaseStates.has(node.baseState)) return { kind: "state", flag: node.baseState };
  return null;
}

/** Flags known to prevent use; they differ from unknown flags only in the explanation. */
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
