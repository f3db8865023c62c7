// Which jobs a node's figures include for sure: an executor that finds their marks there need not make room for them again.

import type { JobId } from "../../model/ids.js";
import { holdsNodes, isSuspended, type Job } from "../../model/slurm/job.js";
import type { Node } from "../../model/slurm/node.js";

/**
 * Of `jobs`, which were read before `node` was: those that were there to stay. One that left in between may be requeued and
 * come again under its old id, and nobody made room for it; so where the node's cores are fewer than such jobs have at
 * least, one has left, and none is taken for included. Of a suspended job the figures say nothing.
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
