// The demo's verdict: figures from Slurm's records, the witnesses and the ledger, and whether any
// promise was broken.

import type { LedgerCheck } from "../../src/model/records/account.js";
import type { Utilization } from "../../src/model/records/utilization.js";
import type { Percentiles } from "../benchmarks/lib/figures.js";
import { allocatedBefore, type JobRecord } from "../cluster/slurmctld-log.js";
import { isViolation, type Sighting } from "./stream.js";

export interface DemoResult {
  readonly nodes: number;
  readonly batchJobs: number;
  /**
   * From slurmctld's allocation to the first instruction of the job on each of its nodes; null if
   * no job began.
   */
  readonly batchStartDelayMs: Percentiles | null;
  readonly idleCoreMs: number;
  readonly coveredCoreMs: number;
  readonly usefulCoreMs: number;
  readonly coverage: number;
  readonly goodput: number;
  readonly invocations: {
    readonly submitted: number;
    readonly completed: number;
    readonly failed: number;
    readonly lost: number;
  };
  readonly evictions: number;
  /** null if nothing was evicted. */
  readonly evictMs: Percentiles | null;
  readonly billedCoreMs: number;
  readonly ledgerBalanced: boolean;
  readonly reportHtml: string;
}

/** How long each job waited between its allocation and its first instruction, on each node. */
export function startDelays(
  sightings: readonly Sighting[],
  jobs: ReadonlyMap<number, JobRecord>,
): { readonly delaysMs: number[]; readonly unmeasuredJobs: number[] } {
  const delaysMs: number[] = [];
  const unmeasured = new Set<number>();
  for (const { job, atMs } of sightings) {
    const allocatedAtMs = allocatedBefore(jobs.get(job), atMs);
    if (allocatedAtMs === null) unmeasured.add(job);
    else delaysMs.push(atMs - allocatedAtMs);
  }
  return { delaysMs, unmeasuredJobs: [...unmeasured] };
}

export interface Evidence {
  readonly result: DemoResult;
  readonly sightings: readonly Sighting[];
  /** Jobs that began, but whose allocation is missing from slurmctld's log. */
  readonly unmeasuredJobs: readonly number[];
  /** Job id to Slurm's final state. */
  readonly jobStates: ReadonlyMap<number, string>;
  readonly ledger: LedgerCheck;
  readonly utilization: Utilization;
  readonly picture: { readonly tiles: number; readonly found: number };
}

/** One sentence for each broken promise; none if the demo succeeded. */
export function brokenPromises(evidence: Evidence): string[] {
  const { result, sightings, unmeasuredJobs, jobStates, ledger, picture } = evidence;
  const broken: string[] = [];
  for (const sighting of sightings.filter(isViolation))
    broken.push(
      `job ${sighting.job} found functions on ${sighting.functionCores} cores of ${sighting.node}, where jobs have ${sighting.jobCores} of ${sighting.nodeCores} cores`,
    );
  for (const [job, state] of jobStates)
    if (state !== "COMPLETED") broken.push(`batch job ${job} ended ${state}`);
  for (const job of jobStates.keys())
    if (!sightings.some((sighting) => sighting.job === job))
      broken.push(`the witness of batch job ${job} wrote no record`);
  for (const job of unmeasuredJobs)
    broken.push(`slurmctld's log does not show when batch job ${job} got its nodes`);
  if (result.invocations.lost > 0) broken.push(`${result.invocations.lost} invocations were lost`);
  if (result.invocations.failed > 0) broken.push(`${result.invocations.failed} invocations failed`);
  if (picture.found !== picture.tiles)
    broken.push(`the picture has ${picture.found} of ${picture.tiles} tiles`);
  if (!ledger.balanced)
    broken.push(`the ledger does not balance: ${ledger.differences.join("; ")}`);
  return broken;
}
