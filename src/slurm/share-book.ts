// Caches the shares of jobs while they hold their nodes, so that each job is read once.

import type { JobId, NodeName } from "../model/ids.js";
import { evenCoresOf, holdsNodes, isSuspended, type Job } from "../model/slurm/job.js";
import type { JobShare } from "../model/slurm/job-share.js";
import type { Node } from "../model/slurm/node.js";
import type { ClusterFacts } from "../model/slurm/snapshot.js";

export interface ShareRules {
  readonly jobsArePinned: ClusterFacts["jobsArePinned"];
  /** Partitions whose exclusive jobs leave the idle rest of their nodes to functions. */
  readonly exclusivePartitions: readonly string[];
}

interface Entry {
  /** A requeued job may have other cores. */
  readonly startAtMs: number | null;
  readonly share: JobShare;
}

export class ShareBook {
  private readonly entries = new Map<JobId, Entry>();

  /**
   * Returns the shares of all jobs on nodes where they decide which resources are free; calls `ask`
   * at most once. Jobs that have ended or do not have all of their nodes yet are missing.
   */
  async sharesOf(
    jobs: readonly Job[],
    nodes: readonly Node[],
    rules: ShareRules,
    ask: (jobs: readonly Job[]) => Promise<ReadonlyMap<JobId, JobShare>>,
  ): Promise<ReadonlyMap<JobId, JobShare>> {
    const suspended = new Set(jobs.filter(isSuspended).flatMap((job) => job.nodes));
    const over = overcommitted(jobs, nodes);
    const deciding = new Set(
      nodes
        .filter(({ name }) => suspended.has(name) || over.has(name))
        .concat(nodes.filter((node) => decides(node, rules)))
        .map(({ name }) => name),
    );
    const holders = jobs.filter(
      (job) => holdsNodes(job) && job.nodes.some((each) => deciding.has(each)),
    );
    this.forgetAllBut(holders);
    const unknown = holders.filter((job) => !this.entries.has(job.id));
    if (unknown.length > 0) {
      const found = await ask(unknown);
      for (const { id, nodes: held, startAtMs } of unknown) {
        const share = found.get(id);
        if (share !== undefined && coversAll(share, held))
          this.entries.set(id, { startAtMs, share });
      }
    }
    return new Map([...this.entries].map(([id, { share }]) => [id, share]));
  }

  private forgetAllBut(jobs: readonly Job[]): void {
    const starts = new Map(jobs.map(({ id, startAtMs }) => [id, startAtMs]));
    for (const [id, { startAtMs }] of this.entries)
      if (starts.get(id) !== startAtMs) this.entries.delete(id);
  }
}

/**
 * Nodes with a job of several nodes where running jobs add up to more than Slurm counts as
 * allocated: they are spread unevenly, or share cores that Slurm gave away while one of them was
 * suspended.
 */
function overcommitted(jobs: readonly Job[], nodes: readonly Node[]): ReadonlySet<NodeName> {
  const running = jobs.filter(({ state }) => state === "RUNNING");
  const cores = new Map<NodeName, number>();
  for (const job of running)
    for (const node of job.nodes) cores.set(node, (cores.get(node) ?? 0) + evenCoresOf(job));
  const wide = new Set(
    running.filter(({ nodeCount }) => nodeCount > 1).flatMap((job) => job.nodes),
  );
  const over = nodes.filter(
    ({ name, allocatedCores }) => wide.has(name) && cores.get(name)! > allocatedCores,
  );
  return new Set(over.map(({ name }) => name));
}

/** Whether the node's own record leaves open which of its cores and GPUs are allocated. */
function decides(node: Node, { jobsArePinned, exclusivePartitions }: ShareRules): boolean {
  if (node.allocatedCores === 0) return false;
  if (node.partitions.some((name) => exclusivePartitions.includes(name))) return true;
  if (node.allocatedCores >= node.cores) return false;
  return jobsArePinned || node.untoldGpuCount !== null;
}

const coversAll = ({ byNode }: JobShare, nodes: readonly NodeName[]): boolean =>
  nodes.length > 0 && nodes.every((node) => byNode.has(node));
