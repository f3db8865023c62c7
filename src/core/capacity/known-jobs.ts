// Determines which jobs a node's figures include for certain: an executor that finds their marks
// there need not make room for them again.

import type { JobId } from "../../model/ids.js";
import { holdsNodes, isSuspended, type Job } from "../../model/slurm/job.js";
import type { Node } from "../../model/slurm/node.js";

/**
 * The jobs in `jobs` (read before `node` was) that stayed. A job that left between the two reads
 * may be requeued and return under its old id, and nothing would have made room for it. If the
 * node's cores are fewer than the least that such jobs need, one has left, and none counts as
 * included. The figures say nothing about suspended jobs.
 */
export function knownJobsOf(node: Node, jobs: readonly Job[]): readonly JobId[] {
  const staying = jobs.filter(
    (job) =>
      holdsNodes(job) &&
      job.state !== "COMPLETING" &&
      !isSuspended(job) &&
      job.nodes.includes(node.name),
  );
  const leastCores = staying.reduce((sum, job) => sum + (job.nodeCount === 1 ? job.cores : 1), 0);
  return leastCores <= node.allocatedCores ? staying.map(({ id }) => id) : [];
}
