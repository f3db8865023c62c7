// Computes what an executor may use: the daemon's view of the node, less the jobs that came since
// and that the view could not include. A budget order rests on a read of Slurm. A job whose prolog
// ran after that read is in no order yet, so it is subtracted here until an order includes it. The
// first order identifies jobs by id, because the executor has counted no events yet. An id accounts
// for a mark only, because a requeued job returns under the same id, and only while all marked jobs
// fit beside the budget: otherwise one of them came since. Only an order lets a budget grow: the
// end of a job does not say what Slurm does with the resources.

import type { JobId } from "../../model/ids.js";
import { type Resources, subtract } from "../../model/resources.js";
import { gresField } from "../../model/slurm/gres-counts.js";
import type { BudgetOrder, SiteFacts } from "../../wire/messages.js";

/** A job as reported by its prolog (or its mark). */
export interface JobOnNode {
  readonly job: JobId;
  /** This executor's count of hook events when the job came. */
  readonly sequence: number;
  /** `mark`: the job was there when the executor started; `hook`: its prolog has run since. */
  readonly origin: "mark" | "hook";
  /** The number that its prolog received; 0 if the job may have the whole node. */
  readonly cpus: number;
  readonly gpus: readonly number[] | "all";
}

/** A job's share of the node, as the hook writes it. */
export type JobShare = Pick<JobOnNode, "job" | "cpus" | "gpus">;

/** Processes that hang in the kernel count as in use, whatever the daemon's view includes. */
export type OwnOrder = BudgetOrder & { readonly heldBack?: Resources };

export const holdingBack = <Order extends BudgetOrder>(
  order: Order,
  heldBack: Resources,
): Order & OwnOrder => ({ ...order, heldBack });

/**
 * The most that `job` can have of `whole`. For pinned jobs, only as many cores are subtracted as
 * the prolog reported: the others stay frozen until the daemon reports the job's cores (see
 * waitsForCores).
 */
function mostOf(job: JobOnNode, whole: Resources, facts: SiteFacts): Resources {
  const cpus = mostCpus(job, facts);
  if (cpus === null) return whole;
  return {
    cores: facts.jobsArePinned ? job.cpus : cpus,
    memoryMb: memoryOf(cpus, whole, facts),
    gpus: mostGpus(job, whole, facts),
    // The prolog is not told of the resources that are only counted.
    ...gresField(whole.gres),
  };
}

/** null if the job may have all CPUs of the node. */
function mostCpus({ cpus }: JobOnNode, { maxCpusPerToldCpu }: SiteFacts): number | null {
  return cpus === 0 || maxCpusPerToldCpu === null ? null : cpus * maxCpusPerToldCpu;
}

/** A job of which no GPU is told has none. */
function mostGpus({ gpus }: JobOnNode, whole: Resources, facts: SiteFacts): readonly number[] {
  if (gpus === "all") return whole.gpus;
  return facts.gpusAreToldInPart === true && gpus.length > 0 ? whole.gpus : gpus;
}

function memoryOf(cpus: number, whole: Resources, facts: SiteFacts): number {
  if (!facts.memoryIsConsumable) return 0;
  return facts.maxMemoryPerCoreMb === null ? whole.memoryMb : cpus * facts.maxMemoryPerCoreMb;
}

/** The order's budget less every job on the node that the order could not include. */
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
 * Whether a job has come that is pinned to cores which are still unknown: a prolog knows how many,
 * but not which. Until an order includes the job, no function may run on any core.
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

/**
 * Whether the marked jobs fit beside the budget; a job of unknown share does not. An exclusive job
 * is the only one on its node.
 */
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
