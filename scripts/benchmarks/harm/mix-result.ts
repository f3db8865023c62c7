// The verdict of `bench harm --mix`: violations, how long jobs waited, what failed and whose fault
// it was. Pure, except for the marks.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { allocatedBefore, type JobRecord as JobTimes } from "../../cluster/slurmctld-log.js";
import { measuredPercentiles, say } from "../lib/harness.js";
import { type Drained, disturbances, type Window } from "./disturbances.js";
import type { JobBook, JobRecord } from "./job-book.js";
import { judge, type Share, type Verdict, type Watched } from "./judge.js";
import type { Kind } from "./kinds.js";

const bars = { jobs: 1_500, violations: 0, failedByUs: 0 } as const;
/** Below this share the holes were not filled, and nobody could be harmed. */
const leastFilledShare = 0.2;
/** The time that slurmctld and slurmd need until everything is as before. */
const aftermathMs = 10_000;

export interface MixEvidence {
  readonly watched: Watched;
  readonly whole: Share;
  readonly book: JobBook;
  readonly windows: readonly Window[];
  /** The folder with a file for each task that began. */
  readonly marks: string;
  readonly jobTimes: ReadonlyMap<number, JobTimes>;
  readonly drained: readonly Drained[];
  /** Invocations that still waited at the end. */
  readonly stillWaits: number;
  readonly chosen: readonly (readonly [string, Kind])[];
}

export function resultOf(evidence: MixEvidence) {
  const { watched, whole, book, drained } = evidence;
  const verdict = judge(watched, whole, book.shareOf);
  const starts = startsOf(evidence);
  const failed = failuresOf(evidence);
  for (const { node, fromMs, toMs, jobs, what } of verdict.violations)
    say(`violation on ${node} for ${toMs - fromMs} ms from ${iso(fromMs)}: ${what} (jobs ${jobs})`);
  for (const { record, byUs } of failed)
    say(
      `${byUs ? "failed because of Gleaner" : "failed because of Slurm"}: ${record.name}, job ${record.job} ${record.state} ${record.reason} ${record.exitCode}`,
    );
  for (const job of verdict.outlivedJobs)
    say(`processes of job ${job} lived on after Slurm had taken back what the job had`);
  for (const { node, reason } of drained) say(`Slurm drained ${node}: ${reason}`);
  assertMeasured(evidence, verdict, starts);
  const failedByUs =
    failed.filter(({ byUs }) => byUs).length + drained.filter(({ isByUs }) => isByUs).length;
  const result = {
    jobs: starts.length,
    samples: watched.samples,
    violations: verdict.violations.length,
    violationMsMax: Math.max(0, ...verdict.violations.map(({ fromMs, toMs }) => toMs - fromMs)),
    waitedMs: measuredPercentiles(
      "a job's wait",
      starts.map(({ waitedMs }) => waitedMs),
    ),
    outlived: verdict.outlivedJobs.length,
    failedByUs,
    failedBySlurm: failed.length + drained.length - failedByUs,
    byKind: byKind(evidence, starts, failed),
    disturbances: count(evidence.windows.map(({ name }) => name)),
    filledShare: Number((verdict.functionCoreMs / verdict.idleCoreMs).toFixed(3)),
    longestGapMs: watched.longestGapMs,
    bars,
  };
  const withinBars = result.jobs >= bars.jobs && result.violations === 0 && result.failedByUs === 0;
  return { ...result, withinBars };
}

interface Start {
  readonly kind: string;
  readonly job: number;
  /** From slurmctld's allocation to the job's first instruction. */
  readonly waitedMs: number;
}

/** One for each time that a job began, whatever its tasks. */
function startsOf({ marks, jobTimes, book }: MixEvidence): Start[] {
  const first = new Map<string, Start>();
  const kindOf = new Map(book.newest.map(({ job, name }) => [job, name.split(".")[0]!]));
  for (const file of readdirSync(marks)) {
    const job = Number(file.split(".")[0]);
    // A job that was cancelled meanwhile may not have written its first line.
    const lines = readFileSync(join(marks, file), "utf8").split("\n");
    for (const line of lines.filter((each) => each !== "")) {
      const allocatedAtMs = allocatedBefore(jobTimes.get(job), Number(line));
      const kind = kindOf.get(job);
      if (allocatedAtMs === null || kind === undefined)
        throw new Error(`job ${job} began at ${line}, but slurmctld's log does not mention it`);
      const start = { kind, job, waitedMs: Number(line) - allocatedAtMs };
      const key = `${job} ${allocatedAtMs}`;
      if (start.waitedMs < (first.get(key)?.waitedMs ?? Number.POSITIVE_INFINITY))
        first.set(key, start);
    }
  }
  return [...first.values()];
}

interface Failure {
  readonly record: JobRecord;
  readonly byUs: boolean;
}

/**
 * A job that ended in a way that its kind may not. Whatever Slurm lost while it was killed or
 * restarted is Slurm's fault.
 */
function failuresOf({ book, chosen, windows, jobTimes }: MixEvidence): Failure[] {
  const mayEnd = new Map(chosen.map(([name, kind]) => [name, kind.mayEnd]));
  return book.newest
    .filter(({ name, state }) => !mayEnd.get(name.split(".")[0]!)?.includes(state))
    .map((record) => {
      const times = jobTimes.get(record.job);
      const fromMs = times?.allocatedAtMs[0] ?? record.startedAtMs ?? 0;
      const toMs = times?.endedAtMs ?? Number.POSITIVE_INFINITY;
      const isSlurms = windows.some(
        (each) => each.isOfSlurm && each.fromMs <= toMs && each.toMs + aftermathMs >= fromMs,
      );
      return { record, byUs: !isSlurms };
    });
}

function byKind({ chosen }: MixEvidence, starts: readonly Start[], failed: readonly Failure[]) {
  return Object.fromEntries(
    chosen.map(([name]) => {
      const own = starts.filter(({ kind }) => kind === name);
      const lost = failed.filter(({ record }) => record.name.startsWith(`${name}.`));
      const waited = own.map(({ waitedMs }) => waitedMs);
      return [name, { jobs: own.length, failed: lost.length, waitedMsMax: Math.max(...waited) }];
    }),
  );
}

/** A figure without its preconditions is worthless. */
function assertMeasured(
  { watched, windows, stillWaits, chosen }: MixEvidence,
  verdict: Verdict,
  starts: readonly Start[],
): void {
  const problems: string[] = [];
  if (verdict.unknownJobs.length > 0)
    problems.push(`Slurm does not report what jobs ${verdict.unknownJobs} were allocated`);
  if (verdict.functionCoreMs < verdict.idleCoreMs * leastFilledShare)
    problems.push(
      `functions used only ${verdict.functionCoreMs} of ${verdict.idleCoreMs} idle core-ms`,
    );
  if (stillWaits === 0) problems.push("no function was waiting at the end");
  for (const [name] of chosen)
    if (!starts.some(({ kind }) => kind === name)) problems.push(`no job of kind ${name} began`);
  for (const { name } of disturbances)
    if (!windows.some((window) => window.name === name)) problems.push(`${name} never happened`);
  if (watched.samples === 0) problems.push("the witness recorded nothing");
  if (problems.length > 0) throw new Error(`the run proves nothing: ${problems.join("; ")}`);
}

const iso = (ms: number): string => new Date(ms).toISOString();

function count(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
