// What an executor may use: the daemon's view of the node, less the jobs that came since and that it could not know.
//
// A budget order rests on a read of Slurm. A job whose prolog ran after that read is in nobody's order yet, so it is
// taken off here, until an order comes that knew it. The first order knew jobs by their ids, since the executor had
// counted nothing yet; an id excuses a mark only, for a job that Slurm requeues comes again under the same id, and only while all
// marked jobs have room beside the budget: else one of them came since. Only an order lets a budget grow: that a job left says
// nothing of what Slurm does with the room.

import type { JobId } from "../../model/ids.js";
import { type Resources, subtract } from "../../model/resources.js";
import type { BudgetOrder, SiteFacts } from "../../wire/messages.js";

/** A job as its prolog (or its mark) told of it. */
export interface JobOnNode {
  readonly job: JobId;
  /** This executor's count of hook events when it came. */
  readonly sequence: number;
  /** `mark`: it was there when the executor started; `hook`: its prolog ran since. */
  readonly origin: "mark" | "hook";
  /** As its prolog was told; 0: the job may have the whole node. */
  readonly cpus: number;
  readonly gpus: readonly number[] | "all";
}

/** A job's share of the node, as the hook writes it. */
export type JobShare = Pick<JobOnNode, "job" | "cpus" | "gpus">;

/** What hangs in the kernel here counts as taken, whatever the daemon knew of it. */
export type OwnOrder = BudgetOrder & { readonly heldBack?: Resources };

export const holdingBack = <Order extends BudgetOrder>(
  order: Order,
  heldBack: Resources,
): Order & OwnOrder => ({ ...order, heldBack });

/**
 * The most that `job` can have of `whole`. Of pinned jobs no more cores are taken than the prolog was told of: what is left stands
 * still until the daemon tells which cores they have (see waitsForCores).
 */
function mostOf(job: JobOnNode, whole: Resources, facts: SiteFacts): Resources {
  const cpus = mostCpus(job, facts);
  if (cpus === null) return whole;
  return {
    cores: facts.jobsArePinned ? job.cpus : cpus,
    memoryMb: memoryOf(cpus, whole, facts),
    gpus: job.gpus === "all" ? whole.gpus : job.gpus,
  };
}

/** null: the job may have all CPUs of the node. */
function mostCpus({ cpus }: JobOnNode, { maxCpusPerToldCpu }: SiteFacts): number | null {
  return cpus === 0 || maxCpusPerToldCpu === null ? null : cpus * maxCpusPerToldCpu;
}

function memoryOf(cpus: number, whole: Resources, facts: SiteFacts): number {
  if (!facts.memoryIsConsumable) return 0;
  return facts.maxMemoryPerCoreMb === null ? whole.memoryMb : cpus * facts.maxMemoryPerCoreMb;
}

/** The order's budget less every job on the node that the order could not know. */
export function effectiveBudget(
  order: BudgetOrder,
  jobs: Iterable<JobOnNode>,
  facts: SiteFacts,
): Resources {
  const here = [...jobs];
  let left = order.budget;
  for (const job of unknownTo(order, here, facts))
    left = subtract(left, mostOf(job, order.budget, facts));
  return left;
}

/**
 * Whether a job came that is pinned to cores which nobody told yet: a prolog knows how many, not which. Until an order comes that
 * knew the job, no function may run on any core.
 */
export function waitsForCores(
  order: BudgetOrder,
  jobs: Iterable<JobOnNode>,
  facts: SiteFacts,
): boolean {
  return facts.jobsArePinned && unknownTo(order, [...jobs], facts).length > 0;
}

/** The jobs that the order's view of Slurm did not include. */
function unknownTo(
  order: BudgetOrder,
  jobs: readonly JobOnNode[],
  facts: SiteFacts,
): readonly JobOnNode[] {
  const known = new Set(haveRoom(jobs, order, facts) ? order.knownJobs : []);
  return jobs.filter(
    (job) =>
      job.sequence > order.seenHookSequence && !(job.origin === "mark" && known.has(job.job)),
  );
}

/** Whether the marked jobs fit beside the budget; one whose share is not known does not. Beneath an exclusive job that is one job. */
function haveRoom(
  jobs: readonly JobOnNode[],
  { budget, isUnderExclusive }: BudgetOrder,
  facts: SiteFacts,
): boolean {
  const { totalCores } = facts;
  const marked = jobs.filter(({ origin }) => origin === "mark");
  if (isUnderExclusive === true) return marked.length <= 1;
  const coresOf = (job: JobOnNode) => Math.min(totalCores, mostCpus(job, facts) ?? totalCores);
  const markedCores = marked.reduce((sum, job) => sum + coresOf(job), 0);
  return markedCores + budget.cores <= totalCores;
}
