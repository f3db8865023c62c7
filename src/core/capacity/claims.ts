// What of each node its jobs have by name (CPUs, GPUs), so which are left; and what an exclusive job leaves idle of a node that is all its own.

import type { JobId, NodeName } from "../../model/ids.js";
import { evenCoresOf, holdsNodes, isSuspended, type Job } from "../../model/slurm/job.js";
import type { NodeShare } from "../../model/slurm/job-share.js";
import type { Node } from "../../model/slurm/node.js";
import type { Snapshot } from "../../model/slurm/snapshot.js";

/** CPU ids that no job has, or why they cannot be told. */
export type FreeCpus =
  | { readonly told: true; readonly ids: readonly number[] }
  | { readonly told: false; readonly why: string };

/** GPUs that no job has; `problem`: why that is not known of the others. */
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
   * Cores of the node that jobs have. Slurm's own count lacks those of suspended jobs, which it
   * counts as free until they are resumed, and counts cores once that it gave to a second job
   * while the first was suspended. Slurm may have suspended a job after its queue was read and
   * before the node was. All cores count as taken where something of the node is taken and no
   * job is known that has a core there.
   */
  takenCores(node: Node): number {
    let [running, suspended, guessed] = [0, 0, 0];
    for (const job of this.jobs.get(node.name)!)
      if (isSuspended(job)) suspended += this.mostCoresOf(job, node);
      else if (job.state === "RUNNING" && !this.sharesCores(job)) {
        const told = this.toldCoresOf(job, node);
        running += told ?? 0;
        guessed += told === null ? evenCoresOf(job) : 0;
      }
    const taken = Math.max(node.allocatedCores, running) + suspended;
    if (taken === 0 && isHeld(node)) return node.cores;
    return Math.min(node.cores, Math.max(node.allocatedCores, running + guessed) + suspended);
  }

  private toldCoresOf(job: Job, node: Node): number | null {
    if (job.nodeCount === 1) return job.cores;
    return this.shareOf(job.id, node.name)?.cpuIds.length ?? null;
  }

  private mostCoresOf({ id, cores, nodeCount }: Job, node: Node): number {
    const told = this.shareOf(id, node.name)?.cpuIds.length ?? node.cores;
    return nodeCount === 1 ? cores : told;
  }

  /** Several jobs may be given the same cores in its partition. */
  private sharesCores({ partition }: Job): boolean {
    const { overSubscribe } = this.snapshot.partitions.find(({ name }) => name === partition) ?? {};
    return overSubscribe !== undefined && /:/.test(overSubscribe);
  }

  private shareOf(job: JobId, node: NodeName): NodeShare | undefined {
    return this.snapshot.shares.get(job)?.byNode.get(node);
  }

  /** The free CPUs of a partly used node by name: none is given away unless what all its jobs have adds up to Slurm's own count. */
  freeCpus(node: Node): FreeCpus {
    const { cpuTotal, specialisedCpuIds, cores, allocatedCores } = node;
    if (specialisedCpuIds === null)
      return untold("Slurm does not say which of its cores are specialised");
    const taken = new Set(specialisedCpuIds);
    for (const job of this.jobs.get(node.name) ?? []) {
      const share = this.shareOf(job.id, node.name);
      if (share === undefined) return untold(`it is not known yet which cores job ${job.id} has`);
      for (const id of share.cpuIds) taken.add(id);
    }
    const ids = Array.from({ length: cpuTotal }, (_, id) => id).filter((id) => !taken.has(id));
    if (ids.length > cores - allocatedCores)
      return untold("a job came while Slurm was read, or changed its size");
    if (taken.size === specialisedCpuIds.length) return untold("no job names the cores it has");
    return { told: true, ids };
  }

  /** The GPUs that are not allocated; where the node's record does not say which are, its jobs' shares may. */
  freeGpus(node: Node): FreeGpus {
    const told = node.untoldGpuCount === null ? null : this.gpusOfJobs(node);
    const taken = new Set(told ?? node.allocatedGpus);
    const all = Array.from({ length: node.gpuCount }, (_, index) => index);
    const problem = told === null ? node.gpuProblem : null;
    return { indices: all.filter((index) => !taken.has(index)), problem };
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
   * How many cores the tasks of the one job on the node asked for, where that job has all of its cores and runs in one of the
   * `partitions` whose idle rest the site gives to functions; else null. A job that asked for nothing in particular may use all.
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

/** A suspended job that the queue did not show holds it, or a job that was given another's resources (`dependency=expand`). */
const isHeld = ({ baseState, allocatedMemoryMb, flags }: Node): boolean =>
  (baseState === "MIXED" || allocatedMemoryMb > 0) && !flags.includes("COMPLETING");

const untold = (why: string): FreeCpus => ({ told: false, why });
