// The demo's verdict: figures from Slurm's records, the witnesses and the ledger, and whether any promise was broken.

import type { LedgerCheck } from "../../src/model/account.js";
import type { Utilization } from "../../src/model/utilization.js";
import { isViolation, type Sighting } from "./stream.js";

export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface DemoResult {
  readonly nodes: number;
  readonly batchJobs: number;
  /** From slurmctld's allocation to the first instruction of the job on each of its nodes. */
  readonly batchStartDelayMs: Percentiles;
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
  readonly evictMs: Percentiles;
  readonly billedCoreMs: number;
  readonly ledgerBalanced: boolean;
  readonly reportHtml: string;
}

/** Nearest rank; zeros when there is nothing. */
export function percentilesOf(values: readonly number[]): Percentiles {
  if (values.length === 0) return { p50: 0, p99: 0, max: 0 };
  const sorted = [...values].sort((left, right) => left - right);
  const rank = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
  return { p50: rank(0.5), p99: rank(0.99), max: sorted.at(-1)! };
}

/** How long each job waited between its allocation and its first instruction, on each node. */
export function startDelays(
  sightings: readonly Sighting[],
  allocations: ReadonlyMap<number, number>,
): number[] {
  return sightings.flatMap((sighting) => {
    const allocatedAtMs = allocations.get(sighting.job);
    return allocatedAtMs === undefined ? [] : [sighting.atMs - allocatedAtMs];
  });
}

export interface Evidence {
  readonly result: DemoResult;
  readonly sightings: readonly Sighting[];
  /** Job id to Slurm's final state. */
  readonly jobStates: ReadonlyMap<number, string>;
  readonly ledger: LedgerCheck;
  readonly utilization: Utilization;
  readonly picture: { readonly tiles: number; readonly found: number };
}

/** One sentence for each broken promise; none: the demo succeeded. */
export function brokenPromises(evidence: Evidence): string[] {
  const { result, sightings, jobStates, ledger, picture } = evidence;
  const broken: string[] = [];
  for (const sighting of sightings.filter(isViolation))
    broken.push(
      `job ${sighting.job} found functions on ${sighting.functionCores} cores of ${sighting.node}, where jobs have ${sighting.jobCores} of ${sighting.nodeCores}`,
    );
  for (const [job, state] of jobStates)
    if (state !== "COMPLETED") broken.push(`batch job ${job} ended ${state}`);
  for (const job of jobStates.keys())
    if (!sightings.some((sighting) => sighting.job === job))
      broken.push(`batch job ${job} left no witness`);
  if (result.invocations.lost > 0) broken.push(`${result.invocations.lost} invocations were lost`);
  if (result.invocations.failed > 0) broken.push(`${result.invocations.failed} invocations failed`);
  if (picture.found !== picture.tiles)
    broken.push(`the picture has ${picture.found} of ${picture.tiles} tiles`);
  if (!ledger.balanced)
    broken.push(`the ledger does not balance: ${ledger.differences.join("; ")}`);
  return broken;
}
