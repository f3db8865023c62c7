// Derives what the capacity loop needs from snapshots and plans: the jobs of each node, imminent
// changes, and the holes for placement.

import { nowMs } from "../../clock.js";
import type { Plan } from "../../model/capacity/plan.js";
import type { NodeName } from "../../model/ids.js";
import { holdsNodes } from "../../model/slurm/job.js";
import type { Snapshot } from "../../model/slurm/snapshot.js";
import type { BudgetOrder } from "../../wire/messages.js";
import type { Learning } from "../records/learning.js";
import type { HoleOutlook } from "../state/executor-record.js";

/**
 * Whether a job is leaving a node, so that Slurm's books are about to change. The queue is asked
 * for before the nodes: a job may still be leaving in the one and gone in the other, and its cores
 * count as taken.
 */
export const isUnsettled = ({ nodes, jobs }: Snapshot): boolean =>
  nodes.some(({ flags }) => flags.includes("COMPLETING")) ||
  jobs.some(({ state }) => state === "COMPLETING");

/** The jobs that hold nodes, by node. */
export function jobsByNode(snapshot: Snapshot): ReadonlyMap<NodeName, BudgetOrder["knownJobs"]> {
  const jobs = new Map<NodeName, BudgetOrder["knownJobs"][number][]>();
  for (const job of snapshot.jobs) {
    if (!holdsNodes(job)) continue;
    for (const node of job.nodes) {
      const known = jobs.get(node);
      if (known === undefined) jobs.set(node, [job.id]);
      else known.push(job.id);
    }
  }
  return jobs;
}

/** What placement should know about the holes in use, including those too short for a new start. */
export function outlooksOf(plan: Plan, learning: Learning): ReadonlyMap<NodeName, HoleOutlook> {
  const outlooks = new Map<NodeName, HoleOutlook>();
  for (const { node, kind, sinceMs, predictedEndAtMs, end } of plan.holes)
    outlooks.set(node, {
      kind,
      openedAtMs: learning.openedAtMs(node) ?? sinceMs,
      endsAtMs: predictedEndAtMs,
      endConfidence: end.confidence,
      hazardRatio: learning.survival.hazardRatio(node),
    });
  for (const { node, reason } of plan.unusable)
    if (reason.kind === "tooShort") outlooks.set(node, { endsAtMs: nowMs() + reason.endsInMs });
  return outlooks;
}
