// Chooses the window of a job log that is replayed: the part in which the log knows every job.

import { GleanerError } from "../../model/errors.js";
import type { Skipped } from "../site/notes.js";

/** What the user asked for; null leaves an edge to the log. */
export interface WindowWish {
  readonly fromMs: number | null;
  readonly toMs: number | null;
}

export const wholeLog: WindowWish = { fromMs: null, toMs: null };

export interface Window {
  readonly fromMs: number;
  readonly toMs: number;
  readonly remarks: readonly string[];
}

/** When a job ran. */
export interface Run {
  readonly fromMs: number;
  /** Infinite if it still ran when the log was written. */
  readonly toMs: number;
}

/** Records further than this from the middle one have a wrong time. */
const strayMs = 5 * 366 * 86_400_000;
/**
 * How many jobs should have ended, at the rate of the rest of the log, in a time in which none did:
 * by chance that happens in 1 of 150 logs.
 */
const improbablyFew = 5;
/** The part of the usual rate of starts below which starts are missing. */
const usualStarts = 0.5;

/** Leaves out jobs that began years before or after the others, which would stretch the replay. */
export function withoutStrays<Job extends Run & { readonly line: number }>(
  jobs: readonly Job[],
  skipped: Skipped,
): readonly Job[] {
  const starts = Float64Array.from(jobs, (job) => job.fromMs).sort();
  const middle = starts[starts.length >> 1] ?? 0;
  const isStray = ({ fromMs }: Run) => Math.abs(fromMs - middle) > strayMs;
  if (
    !isStray({ fromMs: starts[0] ?? 0, toMs: 0 }) &&
    !isStray({ fromMs: starts.at(-1) ?? 0, toMs: 0 })
  )
    return jobs;
  return jobs.filter((job) => {
    if (!isStray(job)) return true;
    skipped.add("a start more than five years from the others", job.line);
    return false;
  });
}

/**
 * From the first start to the last one, because a log does not know what began later; or as wished.
 * If `isPart`, the log may have begun while jobs ran that it does not have, as a dump of sacct
 * does: then it begins with the first end in it, before which it cannot know all jobs. There must
 * be a job.
 */
export function windowOf(jobs: readonly Run[], wish: WindowWish, isPart: boolean): Window {
  const log = extentOf(jobs);
  const remarks: string[] = [];
  let { fromMs } = log;
  if (isPart && wish.fromMs === null && beginsInTheMiddle(jobs, log)) {
    fromMs = log.firstEndMs;
    remarks.push(
      `the records begin in the middle of running jobs (the first start is ${instant(log.fromMs)}, but no job ends before ${instant(fromMs)}): the replay begins there; --from sets another time`,
    );
  }
  const window = { fromMs: wish.fromMs ?? fromMs, toMs: wish.toMs ?? log.toMs };
  if (window.toMs <= window.fromMs)
    throw new GleanerError(
      "BAD_REQUEST",
      `the window from ${instant(window.fromMs)} to ${instant(window.toMs)} is empty: the records have starts from ${instant(log.fromMs)} to ${instant(log.toMs)}`,
    );
  if (!jobs.some((job) => job.fromMs < window.toMs && job.toMs > window.fromMs))
    throw new GleanerError(
      "BAD_REQUEST",
      `no job ran between ${instant(window.fromMs)} and ${instant(window.toMs)}: the records have starts from ${instant(log.fromMs)} to ${instant(log.toMs)}`,
    );
  // By as much as lies between two starts of jobs it is always longer.
  const beyondMs = Math.max(log.fromMs - window.fromMs, window.toMs - log.toMs);
  if (beyondMs > 0 && beyondMs > longestPauseMs(jobs, window))
    remarks.push(
      `the window is longer than the records, whose starts are from ${instant(log.fromMs)} to ${instant(log.toMs)}: what they do not know counts as idle`,
    );
  return { ...window, remarks };
}

/** The longest time between two starts of jobs in the window. */
function longestPauseMs(jobs: readonly Run[], { fromMs, toMs }: Omit<Window, "remarks">): number {
  const inside = jobs.filter((job) => job.fromMs >= fromMs && job.fromMs <= toMs);
  const starts = Float64Array.from(inside, (job) => job.fromMs).sort();
  return starts.reduce(
    (longest, atMs, index) => Math.max(longest, atMs - (starts[index - 1] ?? atMs)),
    0,
  );
}

interface Extent {
  readonly fromMs: number;
  readonly toMs: number;
  readonly firstEndMs: number;
}

function extentOf(jobs: readonly Run[]): Extent {
  let fromMs = Number.POSITIVE_INFINITY;
  let toMs = 0;
  let firstEndMs = Number.POSITIVE_INFINITY;
  let lastEndMs = 0;
  for (const job of jobs) {
    fromMs = Math.min(fromMs, job.fromMs);
    toMs = Math.max(toMs, job.fromMs);
    firstEndMs = Math.min(firstEndMs, job.toMs);
    if (Number.isFinite(job.toMs)) lastEndMs = Math.max(lastEndMs, job.toMs);
  }
  // Jobs that all began at once: they last until the last of them ended.
  if (toMs === fromMs) toMs = Math.max(lastEndMs, fromMs + 1);
  return { fromMs, toMs, firstEndMs };
}

/**
 * sacct lists the jobs that ran in a time, however early they began, and none that had ended. So
 * before the first end there are too few ends, and also too few starts: in a log that is whole,
 * jobs start at their usual rate from the beginning on.
 */
function beginsInTheMiddle(jobs: readonly Run[], { fromMs, toMs, firstEndMs }: Extent): boolean {
  if (firstEndMs <= fromMs || firstEndMs >= toMs) return false;
  let ends = 0;
  let starts = 0;
  let startsBefore = 0;
  for (const job of jobs) {
    if (job.toMs <= toMs) ends++;
    if (job.fromMs < firstEndMs) startsBefore++;
    else starts++;
  }
  const times = (firstEndMs - fromMs) / (toMs - firstEndMs);
  return ends * times >= improbablyFew && startsBefore < usualStarts * starts * times;
}

/** `2026-01-01T12:00:00Z`. */
const instant = (atMs: number): string => new Date(atMs).toISOString().replace(".000Z", "Z");
