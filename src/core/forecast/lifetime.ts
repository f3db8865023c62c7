// Predicts when a hole closes: from Slurm's plans for its node, or else from past holes.

import type { HoleEnd, HoleKind } from "../../model/capacity/prediction.js";
import type { NodeName } from "../../model/ids.js";
import type { Job } from "../../model/slurm/job.js";
import type { Snapshot } from "../../model/slurm/snapshot.js";
import type { Survival } from "./survival.js";

/**
 * Backfill's plan names the node and the node is flagged PLANNED: the job comes unless another one
 * ends early.
 */
const flaggedConfidence = 0.9;
/**
 * Only the plan names the node: the queue was read just before the nodes, or this Slurm flags no
 * nodes.
 */
const plannedConfidence = 0.75;
/** Administrators rarely move a reservation on its last day. */
const reservationConfidence = 0.98;
/**
 * The confidence in a planned start that passed without the job halves in this time: plans are
 * renewed every bf_interval (30 s).
 */
const overdueHalfLifeMs = 10_000;
/** A plan less likely than this to hold is ignored. */
const leastConfidence = 0.5;

export type KnownEnd = HoleEnd & { readonly endsAtMs: number };

/**
 * The earliest plan for each node that still counts: starts of pending jobs (StartTime with
 * SchedNodeList, only for jobs that backfill reached) and future reservations. A plan that is due
 * or slightly overdue closes the hole now. Nodes without a plan are absent.
 */
export function plannedEnds(
  { jobs, nodes, reservations }: Pick<Snapshot, "jobs" | "nodes" | "reservations">,
  nowMs: number,
): ReadonlyMap<NodeName, KnownEnd> {
  const ends = new Map<NodeName, KnownEnd>();
  const offer = (node: NodeName, end: KnownEnd) => {
    const known = ends.get(node);
    if (known === undefined || end.endsAtMs < known.endsAtMs) ends.set(node, end);
  };
  for (const job of jobs) {
    if (!isPlanned(job)) continue;
    const overdueMs = Math.max(0, nowMs - job.startAtMs);
    const confidence = plannedConfidence * 2 ** (-overdueMs / overdueHalfLifeMs);
    if (confidence < leastConfidence) continue;
    const endsAtMs = Math.max(job.startAtMs, nowMs);
    for (const node of job.plannedNodes) offer(node, { endsAtMs, confidence, source: "planned" });
  }
  for (const node of nodes) {
    const end = ends.get(node.name);
    if (end === undefined || !node.flags.includes("PLANNED")) continue;
    const confidence = (end.confidence * flaggedConfidence) / plannedConfidence;
    ends.set(node.name, { ...end, confidence });
  }
  for (const { nodes: reserved, startAtMs } of reservations) {
    // An active reservation shows in its nodes' states.
    if (startAtMs < nowMs) continue;
    const end = { endsAtMs: startAtMs, confidence: reservationConfidence } as const;
    for (const node of reserved) offer(node, { ...end, source: "reservation" });
  }
  return ends;
}

const isPlanned = (job: Job): job is Job & { readonly startAtMs: number } =>
  job.state === "PENDING" && job.startAtMs !== null;

/**
 * The prediction where nothing is planned: when half of the holes of this kind and age will have
 * closed.
 */
export function survivalEnd(
  survival: Survival | undefined,
  kind: HoleKind,
  ageMs: number,
  hazardRatio: number,
  nowMs: number,
): HoleEnd {
  if (survival === undefined) return { endsAtMs: null, confidence: 0, source: "none" };
  const aheadMs = Math.round(survival.quantileAheadMs(kind, ageMs, 0.5, hazardRatio));
  return { endsAtMs: nowMs + aheadMs, confidence: 0.5, source: "survival" };
}

/** What the chance of work in a hole depends on. */
export interface Outlook {
  readonly kind: HoleKind;
  readonly ageMs: number;
  /** The rate at which holes on its node close, relative to the usual rate. */
  readonly hazardRatio: number;
  /** Milliseconds until the next planned start there; null if there is none. */
  readonly plannedInMs: number | null;
  readonly plannedConfidence: number;
}

/**
 * The probability that a hole is still open `aheadMs` from now; 1 if nothing is planned and nothing
 * was learned.
 */
export function holdsProbability(
  outlook: Outlook,
  aheadMs: number,
  survival: Survival | undefined,
): number {
  const { kind, ageMs, hazardRatio, plannedInMs, plannedConfidence: confidence } = outlook;
  const learned = survival?.survivalProbability(kind, ageMs, aheadMs, hazardRatio) ?? 1;
  return plannedInMs !== null && aheadMs > plannedInMs ? learned * (1 - confidence) : learned;
}
