// When a hole is expected to close: the earliest start that Slurm plans on its node.

import type { NodeName } from "../model/ids.js";
import type { Job } from "../model/job.js";

/**
 * The earliest planned start per node, from backfill's plan (StartTime with SchedNodeList of pending jobs).
 * Only jobs that backfill reached have one; a planned start in the past is due now. A node that is missing
 * has nothing planned.
 */
export function predictedEnds(jobs: readonly Job[], nowMs: number): ReadonlyMap<NodeName, number> {
  const ends = new Map<NodeName, number>();
  for (const job of jobs) {
    if (job.state !== "PENDING" || job.startAtMs === null) continue;
    const startMs = Math.max(job.startAtMs, nowMs);
    for (const node of job.plannedNodes) {
      const known = ends.get(node);
      if (known === undefined || startMs < known) ends.set(node, startMs);
    }
  }
  return ends;
}
