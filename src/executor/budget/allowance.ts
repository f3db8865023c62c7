// What an executor may use of its node: the last order, the jobs that have come since, and the CPUs
// left by both.

import { clearTimeout, setTimeout, type Timer } from "../../clock.js";
import { messageOf } from "../../model/errors.js";
import type { JobId } from "../../model/ids.js";

import { nothing, type Resources, subtract } from "../../model/resources.js";
import type { LaunchSpec } from "../../wire/launch.js";
import type { SiteFacts } from "../../wire/messages.js";
import type { Containment } from "../containment/containment.js";
import { machineCpus, readCpuMap } from "../node/cpu-map.js";
import {
  effectiveBudget,
  type JobOnNode,
  type JobShare,
  type OwnOrder,
  waitsForCores,
} from "./budget.js";

/** Two polls of slurmctld: a hook report leads to an answer within a second. */
const coresWaitMs = 10_000;

export class Allowance {
  private readonly jobsOnNode = new Map<JobId, JobOnNode>();
  /** The jobs that the launch's order included, until their epilogs. */
  private readonly jobsAtLaunch: Set<JobId>;
  private lastSequence = 0;
  private order: OwnOrder;
  private facts: SiteFacts;
  private confinedTo = "any";
  private overdueTimer: Timer | undefined;

  constructor(
    private readonly spec: LaunchSpec & { readonly budget: OwnOrder },
    private readonly containment: Containment,
    /** Called if a job's cores stay unknown for too long. */
    private readonly overdue: (reason: string) => void,
  ) {
    this.order = spec.budget;
    this.facts = spec;
    this.jobsAtLaunch = new Set(spec.budget.knownJobs);
  }

  get sequence(): number {
    return this.lastSequence;
  }

  get jobs(): readonly JobId[] {
    return [...this.jobsOnNode.keys()];
  }

  has(job: JobId): boolean {
    return this.jobsOnNode.has(job);
  }

  /** Whether the job's prolog reported it, or the launch's order included it. */
  knows(job: JobId): boolean {
    return this.has(job) || this.jobsAtLaunch.has(job);
  }

  /** Returns the number of this hook event. */
  addJob(job: JobShare, origin: JobOnNode["origin"]): number {
    const sequence = ++this.lastSequence;
    this.jobsOnNode.set(job.job, { ...job, sequence, origin });
    return sequence;
  }

  /** Returns the number of this hook event. */
  removeJob(job: JobId): number {
    this.jobsOnNode.delete(job);
    this.jobsAtLaunch.delete(job);
    return ++this.lastSequence;
  }

  /**
   * Returns the jobs that may be forgotten: a job that the current order could not include still
   * counts.
   */
  forget(jobs: readonly JobId[]): ReadonlySet<JobId> {
    const { seenHookSequence } = this.order;
    const gone = jobs.filter(
      (job) => (this.jobsOnNode.get(job)?.sequence ?? 0) <= seenHookSequence,
    );
    for (const job of gone) this.jobsOnNode.delete(job);
    return new Set(gone);
  }

  obey(order: OwnOrder): void {
    this.order = order;
    this.facts = order.facts ?? this.facts;
  }

  /** The node's CPUs that jobs may use. */
  get totalCores(): number {
    return this.facts.totalCores;
  }

  /** The GPUs in the order; a job that may use any of the node's GPUs has these. */
  get orderedGpus(): readonly number[] {
    return this.order.budget.gpus;
  }

  get budget(): Resources {
    return subtract(this.withoutHung, this.order.heldBack ?? nothing);
  }

  /**
   * Whether only processes that hang in the kernel leave no budget: the executor waits for them.
   */
  get isHeldBack(): boolean {
    return this.budget.cores === 0 && this.withoutHung.cores > 0;
  }

  private get withoutHung(): Resources {
    return effectiveBudget(this.order, this.jobsOnNode.values(), this.facts);
  }

  /** Whether a job has come that is pinned to cores which are still unknown. */
  get waitsForCores(): boolean {
    return waitsForCores(this.order, this.jobsOnNode.values(), this.facts);
  }

  /** Must be called after each change. */
  watchWait(): void {
    if (!this.waitsForCores) {
      clearTimeout(this.overdueTimer);
      this.overdueTimer = undefined;
      return;
    }
    const reason = `gleanerd did not report the CPUs of Slurm's jobs within ${coresWaitMs / 1_000} s`;
    this.overdueTimer ??= setTimeout(() => this.overdue(reason), coresWaitMs);
  }

  /** Confines functions to the budget's CPUs; returns why that is impossible, or null. */
  confine({ cpuIds, cores }: Resources): string | null {
    if (cores === 0) return null;
    const wanted = cpuIds?.join(",") ?? "any";
    if (wanted === this.confinedTo) return null;
    const { topologyFolder, cpuTotal } = this.spec;
    try {
      const cpus =
        cpuIds === undefined ? null : machineCpus(cpuIds, readCpuMap(topologyFolder, cpuTotal));
      this.containment.confine(cpus);
      this.confinedTo = wanted;
      return null;
    } catch (thrown) {
      return messageOf(thrown);
    }
  }
}
