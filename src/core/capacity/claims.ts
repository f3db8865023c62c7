// Determines which CPUs, GPUs and counted resources of each node jobs hold, and hence which are
// free; also what an exclusive job leaves idle of the node that it has to itself.

import type { JobId, NodeName } from "../../model/ids.js";
import { type GresCounts, gresWithout } from "../../model/slurm/gres-counts.js";
import { evenCoresOf, holdsNodes, isSuspended, type Job } from "../../model/slurm/job.js";
import type { NodeShare } from "../../model/slurm/job-share.js";
import type { Node } from "../../model/slurm/node.js";
import type { Snapshot } from "../../model/slurm/snapshot.js";

/** CPU ids that no job holds, or why they cannot be determined. */
export type FreeCpus =
  | { readonly told: true; readonly ids: readonly number[] }
  | { readonly told: false; readonly why: string };

/** GPUs that no job holds; `problem` says why the state of the others is unknown. */
export interface FreeGpus {
  readonly indices: readonly number[];
  readonly problem: string | null;
}

export class Claims {
  private readonly jobs = new Map<NodeName, Job[]>();

  constructor(
    private readonly snapshot: Pick<Snapshot, "nodes" | "jobs" | "shares" | "partitions">,
  ) {
    for (const { name } of snapshot.nodes) this.jobs.set(name, []);
    for (const job of snapshot.jobs)
      if (holdsNodes(job)) for (const node of job.nodes) this.jobs.get(node)?.push(job);
  }

  /**
   * The cores of the node that jobs hold. Slurm's own count omits those of suspended jobs, which it
   * counts as free until they resume, and counts cores once if it gave them to a second job while
   * the first was suspended. (Slurm may have suspended a job after Gleaner read the queue and
   * before it read the node.) It also omits those of completing jobs, whose processes may still
   * run, even on a node that it no longer calls COMPLETING. All cores count as taken if
   * something on the node is allocated but no known job has a core there.
   */
  takenCores(node: Node): number {
    return this.coresOf(this.jobs.get(node.name)!, node);
  }

  /**
   * The cores of the node that Slurm leaves idle. Those of completing jobs are among them, although
   * nothing may use them yet.
   */
  idleCores(node: Node): number {
    const jobs = this.jobs.get(node.name)!.filter(({ state }) => state !== "COMPLETING");
    return Math.max(0, node.cores - this.coresOf(jobs, node));
  }

  private coresOf(jobs: readonly Job[], node: Node): number {
    let [present, suspended, guessed] = [0, 0, 0];
    for (const job of jobs)
      if (isSuspended(job)) suspended += this.mostCoresOf(job, node);
      else if (!this.sharesCores(job)) {
        const told = this.toldCoresOf(job, node);
        present += told ?? 0;
        guessed += told === null ? evenCoresOf(job) : 0;
      }
    const taken = Math.max(node.allocatedCores, present) + suspended;
    if (taken === 0 && isHeld(node)) return node.cores;
    return Math.min(node.cores, Math.max(node.allocatedCores, present + guessed) + suspended);
  }

  private toldCoresOf(job: Job, node: Node): number | null {
    if (job.nodeCount === 1) return job.cores;
    return this.shareOf(job.id, node.name)?.cpuIds.length ?? null;
  }

  private mostCoresOf({ id, cores, nodeCount }: Job, node: Node): number {
    const told = this.shareOf(id, node.name)?.cpuIds.length ?? node.cores;
    return nodeCount === 1 ? cores : told;
  }

  /** Its partition may give the same cores to several jobs. */
  private sharesCores({ partition }: Job): boolean {
    const { overSubscribe } = this.snapshot.partitions.find(({ name }) => name === partition) ?? {};
    return overSubscribe !== undefined && /:/.test(overSubscribe);
  }

  private shareOf(job: JobId, node: NodeName): NodeShare | undefined {
    return this.snapshot.shares.get(job)?.byNode.get(node);
  }

  /**
   * The free CPUs of a partly used node by id. None counts as free unless the CPUs of all its jobs
   * add up to Slurm's own count.
   */
  freeCpus(node: Node): FreeCpus {
    const { cpuTotal, specialisedCpuIds, cores, allocatedCores } = node;
    if (specialisedCpuIds === null)
      return untold("Slurm does not report which of its cores are specialised");
    const taken = new Set(specialisedCpuIds);
    for (const job of this.jobs.get(node.name) ?? []) {
      const share = this.shareOf(job.id, node.name);
      if (share === undefined)
        return untold(`Slurm has not reported yet which cores job ${job.id} has`);
      for (const id of share.cpuIds) taken.add(id);
    }
    const ids = Array.from({ length: cpuTotal }, (_, id) => id).filter((id) => !taken.has(id));
    if (ids.length > cores - allocatedCores)
      return untold("a job started or changed its size while Gleaner read Slurm");
    if (taken.size === specialisedCpuIds.length) return untold("Slurm reports no job's cores");
    return { told: true, ids };
  }

  /**
   * The unallocated GPUs. If the node's record does not name the allocated ones, the shares of its
   * jobs may.
   */
  freeGpus(node: Node): FreeGpus {
    const told = node.untoldGpuCount === null ? null : this.gpusOfJobs(node);
    const taken = new Set(told ?? node.allocatedGpus);
    const all = Array.from({ length: node.gpuCount }, (_, index) => index);
    const problem = told === null ? node.gpuProblem : null;
    return { indices: all.filter((index) => !taken.has(index)), problem };
  }

  /**
   * The counted resources that no job has; undefined if there are none. Slurm may count those of a
   * suspended job as free.
   */
  freeGres({ name, countedGres }: Node): GresCounts | undefined {
    if (countedGres === undefined || this.jobs.get(name)!.some(isSuspended)) return undefined;
    return gresWithout(countedGres.total, countedGres.allocated);
  }

  private gpusOfJobs(node: Node): readonly number[] | null {
    const shares = (this.jobs.get(node.name) ?? []).map(({ id }) => this.shareOf(id, node.name));
    const gpus = new Set<number>();
    for (const share of shares) {
      if (share === undefined || share.gpus === null) return null;
      for (const index of share.gpus) gpus.add(index);
    }
    return gpus.size === node.untoldGpuCount ? [...gpus] : null;
  }

  /**
   * The number of cores that the tasks of the node's only job asked for, if that job holds all
   * cores of the node and runs in one of the `partitions` whose idle rest the site offers to
   * functions; otherwise null. A job without a specific request may use all cores.
   */
  coresAskedFor(node: Node, partitions: readonly string[]): number | null {
    const [job, other] = this.jobs.get(node.name) ?? [];
    if (job === undefined || other !== undefined || job.state !== "RUNNING") return null;
    if (!partitions.includes(job.partition) || node.allocatedCores < node.cores) return null;
    const share = this.shareOf(job.id, node.name);
    if (share === undefined || share.cpuIds.length < node.cores) return null;
    return this.snapshot.shares.get(job.id)!.askedCpusPerNode;
  }
}

/**
 * Held by a suspended job that is missing from the queue, or by a job that received another's
 * resources (`dependency=expand`).
 */
const isHeld = ({ baseState, allocatedMemoryMb, flags }: Node): boolean =>
  (baseState === "MIXED" || allocatedMemoryMb > 0) && !flags.includes("COMPLETING");

const untold = (why: string): FreeCpus => ({ told: false, why });
