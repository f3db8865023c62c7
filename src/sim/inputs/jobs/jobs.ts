// Turns the jobs of an accounting log into a trace: its window, its nodes, and what each job used
// of them.

import { counted } from "../../../model/counted.js";
import { GleanerError } from "../../../model/errors.js";
import { Changes } from "../../site/changes.js";
import type { Skipped } from "../../site/notes.js";
import { occupancyRemarks } from "../../site/occupancy.js";
import { pack, type UnplacedJob } from "../../site/packing.js";
import { ShareList } from "../../site/shares.js";
import { checkExtent, type Trace, type TraceNode } from "../../site/trace.js";
import { nodesOf } from "../machines.js";
import { type Run, type Window, type WindowWish, windowOf, withoutStrays } from "../window.js";
import { guessedMemory, placeAsListed, tooWide } from "./job-nodes.js";
import type { LoggedJob, MachineWish, PlacedShares } from "./logged-job.js";

/** More than any machine has; a larger number is wrong. */
const maxCoresPerJob = 20_000_000;

export interface JobLog {
  readonly jobs: readonly LoggedJob[];
  readonly skipped: Skipped;
  readonly remarks: readonly string[];
  /** Whether the log may begin while jobs run that are not in it, or of which it has the start. */
  readonly isPart: boolean;
}

/**
 * The trace of all jobs in the window. Records that exceed the machine are skipped. Throws
 * BAD_REQUEST if nothing is left or the nodes cannot be determined.
 */
export function traceOfJobs(log: JobLog, wish: MachineWish, windowWish: WindowWish): Trace {
  const { skipped } = log;
  const jobs = withoutStrays(usable(log), skipped);
  if (jobs.length === 0)
    throw new GleanerError(
      "BAD_REQUEST",
      `the log contains no usable record (${skipped.whenNothingIsLeft()}): check that it has the format that you named`,
    );
  const window = windowOf(jobs, windowWish, log.isPart);
  const shares = new ShareList();
  const add: PlacedShares = (node, cores, memoryMb, job) => {
    const cut = cutTo(window, job);
    if (cut !== null) shares.add({ node, cores, memoryMb, ...cut });
  };
  const { nodes, remarks } = jobs.some((job) => job.shares !== null)
    ? placeAsListed(jobs, wish, add, skipped)
    : placeByPacking(jobs, wish, add, skipped);
  const trace = checkExtent({
    nodes,
    fromMs: window.fromMs,
    toMs: window.toMs,
    jobs: jobs.filter((job) => job.fromMs < window.toMs && job.toMs > window.fromMs).length,
    changes: Changes.of(shares),
    notes: { skipped: skipped.all(), firstSkipped: skipped.first(), remarks: [] },
  });
  const all = [...log.remarks, ...window.remarks, ...remarks, ...memoryRemarks(jobs, wish)];
  return {
    ...trace,
    notes: { ...trace.notes, remarks: [...all, ...occupancyRemarks(trace)] },
  };
}

function usable({ jobs, skipped }: JobLog): readonly LoggedJob[] {
  return jobs.filter(({ cores, line }) => {
    if (cores <= maxCoresPerJob) return true;
    skipped.add(tooWide, line);
    return false;
  });
}

/** A job that begins later is kept only to end the last holes; null if it had ended before. */
function cutTo(window: Window, job: Run): Run | null {
  const fromMs = Math.max(window.fromMs, job.fromMs);
  if (fromMs > window.toMs || job.toMs <= fromMs) return null;
  const isRunning = !Number.isFinite(job.toMs);
  return { fromMs, toMs: isRunning ? Math.max(window.toMs, fromMs + 1) : job.toMs };
}

function memoryRemarks(jobs: readonly LoggedJob[], wish: MachineWish): string[] {
  const unknown = jobs.filter(({ memoryMb }) => memoryMb === null).length;
  const guessed = wish.guessedMemory ?? 0;
  return [
    ...(guessed > 0 ? [guessedMemory(guessed, wish)] : []),
    ...(unknown > 0
      ? [
          `the memory of ${counted(unknown, "job")} is unknown: taken as the same part of a node as of its cores`,
        ]
      : []),
  ];
}

function placeByPacking(
  jobs: readonly LoggedJob[],
  wish: MachineWish,
  add: PlacedShares,
  skipped: Skipped,
): { nodes: readonly TraceNode[]; remarks: readonly string[] } {
  const nodes = wish.named ?? (wish.groups === null ? null : nodesOf(wish.groups));
  if (nodes === null)
    throw new GleanerError(
      "BAD_REQUEST",
      "the log names no nodes: describe them with --machines FILE, or with --nodes and --cores-per-node",
    );
  const total = nodes.reduce((sum, { cores }) => sum + cores, 0);
  const totalMemoryMb = nodes.reduce((sum, { memoryMb }) => sum + memoryMb, 0);
  const unplaced: (UnplacedJob & { line: number })[] = [];
  for (const job of jobs)
    if (job.cores > total) skipped.add(tooWide, job.line);
    else if (job.toMs > job.fromMs) {
      const memoryMb = job.memoryMb ?? (totalMemoryMb * job.cores) / total;
      const { cores, fromMs, toMs, line } = job;
      unplaced.push({ cores, memoryMb, fromMs, toMs, line });
    }
  for (const job of pack(unplaced, nodes, add))
    skipped.add("more processors than were free at its start", job.line);
  return { nodes, remarks: ["the log names no nodes: jobs were packed onto as few as possible"] };
}
