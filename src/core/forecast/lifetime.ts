// When a hole is expected to close: what Slurm plans on its node, else what past holes tell.

import type { HoleEnd, HoleKind } from "../../model/capacity/prediction.js";
import type { NodeName } from "../../model/ids.js";
import type { Job } from "../../model/slurm/job.js";
import type { Snapshot } from "../../model/slurm/snapshot.js";
import type { Survival } from "./survival.js";

/** Backfill's plan names the node, and the node is flagged PLANNED: then the job comes unless another ends early. */
const flaggedConfidence = 0.9;
/** The plan alone: with the queue read a moment before the nodes, or on a Slurm that flags no node. */
const plannedConfidence = 0.75;
/** Administrators keep their word; a reservation is rarely moved on its last day. */
const reservationConfidence = 0.98;
/** A planned start that passed without the job halves its worth in this time: plans are renewed every bf_interval (30 s). */
const overdueHalfLifeMs = 10_000;
/** A plan that is less likely than not to hold binds nobody. */
const leastConfidence = 0.5;

export type KnownEnd = HoleEnd & { readonly endsAtMs: number };

/**
 * What Slurm plans on each node, the earliest that still binds: starts of pending jobs (StartTime with SchedNodeList, only
 * for jobs that backfill reached) and reservations to come. One that is due, or overdue by little, ends the hole now. A node
 * that is missing has nothing planned.
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
    // One that has begun shows in its nodes' states.
    if (startAtMs < nowMs) continue;
    const end = { endsAtMs: startAtMs, confidence: reservationConfidence } as const;
    for (const node of reserved) offer(node, { ...end, source: "reservation" });
  }
  return ends;
}

const isPlanned = (job: Job): job is Job & { readonly startAtMs: number } =>
  job.state === "PENDING" && job.startAtMs !== null;

/** What to expect where nothing is planned: when half of the holes of this kind and age will have closed. */
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

/** What the chance of work in a hole rests on. */
export interface Outlook {
  readonly kind: HoleKind;
  readonly ageMs: number;
  /** How many times as fast as usual holes close on its node. */
  readonly hazardRatio: number;
  /** Milliseconds until what is planned there; null: nothing is. */
  readonly plannedInMs: number | null;
  readonly plannedConfidence: number;
}

/** The probability that a hole is still there `aheadMs` from now; 1 where nothing is planned and nothing was learned. */
export function holdsProbability(
  outlook: Outlook,
  aheadMs: number,
  survival: Survival | undefined,
): number {
  const { kind, ageMs, hazardRatio, plannedInMs, plannedConfidence: confidence } = outlook;
  const learned = survival?.survivalProbability(kind, ageMs, aheadMs, hazardRatio) ?? 1;
  return plannedInMs !== null && aheadMs > plannedInMs ? learned * (1 - confidence) : learned;
}
