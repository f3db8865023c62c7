// Determines what batch jobs held on each node and when: Slurm's records, refined by the events of
// the nodes' hooks.

import type { JobId, NodeName } from "../../model/ids.js";
import type { HookEvent, JobRecord, UtilizationInput } from "../../model/records/utilization.js";

/** Cores during [fromMs, toMs). */
export interface CoreSpan {
  readonly cores: number;
  readonly fromMs: number;
  readonly toMs: number;
}

export interface Allocations {
  /**
   * Spans of different jobs may overlap and then add up; spans of one job on one node never
   * overlap.
   */
  readonly byNode: ReadonlyMap<NodeName, readonly CoreSpan[]>;
  /** The number of jobs that held a node at some time in the input's [fromMs, toMs). */
  readonly jobs: number;
}

/**
 * A hook event belongs to a record if it lies at most 1 s before the record's time, because Slurm
 * may round …
 */
const hookEarlyMs = 1_000;
/**
 * … and at most 2 s after it, because Slurm cuts off up to 1 s, and a prolog or epilog may start
 * late on a busy node.
 */
const hookLateMs = 2_000;
/**
 * For a job whose share is unknown: more cores than any node has, so that the whole node counts as
 * allocated.
 */
const wholeNodeCores = 1_000_000;

/** Everything recorded about one job on one node. */
interface Sightings {
  readonly records: JobRecord[];
  readonly events: HookEvent[];
}

/**
 * The allocations of every job on every node.
 *
 * A record (in whole seconds) is refined by the hook events of the same job on the same node: its
 * begin and its end each become the first such event within [recorded − 1 s, recorded + 2 s] that
 * is later than the end of the job's previous run (a requeued job has one record per run); without
 * such an event the record stands. A record without an end ends with the first `end` event after
 * its begin, or runs until the input's toMs. The resources are free once the epilog has run, so the
 * hook's `end` may be later than Slurm's. Events without a record (a job not read yet, an earlier
 * run of a requeued one) count as the hook reported them, until toMs if there is no end; an `end`
 * without a begin is ignored. The number of cores on the node is the hook's, or else the record's,
 * split evenly over its nodes with the remainder on the first ones; if neither is known the whole
 * node counts, so that allocated cores are never reported as idle.
 */
export function allocationsOf(
  input: Pick<UtilizationInput, "jobs" | "hookEvents" | "fromMs" | "toMs">,
): Allocations {
  const byNode = new Map<NodeName, CoreSpan[]>();
  const jobs = new Set<JobId>();
  for (const [node, sightings] of sightingsByNode(input.jobs, input.hookEvents)) {
    const spans: CoreSpan[] = [];
    for (const [job, seen] of sightings) {
      const runs = runsOf(node, seen, input.toMs);
      if (runs.some((run) => touches(run, input))) jobs.add(job);
      spans.push(...latestWins(runs));
    }
    byNode.set(node, spans);
  }
  return { byNode, jobs: jobs.size };
}

/**
 * Removes overlaps: where two spans overlap, the later-starting one counts; of two that start
 * together, the one with fewer cores. O(n log n); the order of the input does not matter.
 */
export function latestWins(spans: readonly CoreSpan[]): CoreSpan[] {
  const sorted = [...spans].sort((a, b) => a.fromMs - b.fromMs || b.cores - a.cores);
  const result: CoreSpan[] = [];
  const open: CoreSpan[] = []; // begun, the latest last
  let reachedMs = 0;
  const advance = (toMs: number): void => {
    for (let last = open.at(-1); last !== undefined && reachedMs < toMs; last = open.at(-1)) {
      const endMs = Math.min(last.toMs, toMs);
      if (endMs > reachedMs) {
        result.push({ cores: last.cores, fromMs: reachedMs, toMs: endMs });
        reachedMs = endMs;
      }
      if (last.toMs <= reachedMs) open.pop();
    }
    reachedMs = toMs;
  };
  for (const span of sorted) {
    advance(span.fromMs);
    open.push(span);
  }
  advance(Number.POSITIVE_INFINITY);
  return result;
}

/**
 * A run of no length (a job that began and ended within one second and left no hook event) counts
 * as present.
 */
function touches(
  run: CoreSpan,
  window: { readonly fromMs: number; readonly toMs: number },
): boolean {
  return run.fromMs < window.toMs && Math.max(run.toMs, run.fromMs + 1) > window.fromMs;
}

function sightingsByNode(
  records: readonly JobRecord[],
  events: readonly HookEvent[],
): Map<NodeName, Map<JobId, Sightings>> {
  const byNode = new Map<NodeName, Map<JobId, Sightings>>();
  const at = (node: NodeName, job: JobId): Sightings => {
    const jobs = getOrMake(byNode, node, () => new Map<JobId, Sightings>());
    return getOrMake(jobs, job, () => ({ records: [], events: [] }));
  };
  for (const record of records) {
    for (const node of record.nodes) at(node, record.id).records.push(record);
  }
  for (const event of events) at(event.node, event.jobId).events.push(event);
  return byNode;
}

function getOrMake<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}

function runsOf(node: NodeName, seen: Sightings, toMs: number): CoreSpan[] {
  const events = [...seen.events].sort(
    (a, b) => a.atMs - b.atMs || a.kind.localeCompare(b.kind) || coresOr(b, 0) - coresOr(a, 0),
  );
  const recorded: CoreSpan[] = [];
  let endedMs = Number.NEGATIVE_INFINITY;
  for (const record of [...seen.records].sort((a, b) => a.startedAtMs - b.startedAtMs)) {
    // Excludes the hook events of an earlier run.
    const left = events.filter(({ atMs }) => atMs > endedMs);
    const run = refine(node, record, left, toMs);
    recorded.push(run);
    endedMs = run.toMs;
  }
  const covered = (run: CoreSpan) =>
    recorded.some((other) => run.fromMs <= other.toMs && other.fromMs <= run.toMs);
  return [...recorded, ...hookRuns(events, toMs).filter((run) => !covered(run))];
}

/** Refines one record by the hook's events, which are in time order. */
function refine(
  node: NodeName,
  record: JobRecord,
  events: readonly HookEvent[],
  toMs: number,
): CoreSpan {
  const near = (kind: HookEvent["kind"], recordedMs: number, notBeforeMs: number) =>
    events.find(
      ({ kind: seen, atMs }) =>
        seen === kind &&
        atMs >= Math.max(recordedMs - hookEarlyMs, notBeforeMs) &&
        atMs <= recordedMs + hookLateMs,
    );
  const begin = near("begin", record.startedAtMs, Number.NEGATIVE_INFINITY);
  const fromMs = begin?.atMs ?? record.startedAtMs;
  const end =
    record.endedAtMs === null
      ? events.find((event) => event.kind === "end" && event.atMs >= fromMs)
      : near("end", record.endedAtMs, fromMs);
  const endMs = end?.atMs ?? record.endedAtMs ?? toMs;
  const cores = begin?.cores ?? evenShare(record, node);
  return { cores, fromMs, toMs: Math.max(fromMs, endMs) };
}

/** The runs that the hook's events (in time order) show by themselves. */
function hookRuns(events: readonly HookEvent[], toMs: number): CoreSpan[] {
  const runs: CoreSpan[] = [];
  let begin: HookEvent | null = null;
  for (const event of events) {
    if (begin !== null) {
      runs.push({ cores: coresOr(begin, wholeNodeCores), fromMs: begin.atMs, toMs: event.atMs });
    }
    begin = event.kind === "begin" ? event : null;
  }
  if (begin !== null) {
    const endMs = Math.max(begin.atMs, toMs);
    runs.push({ cores: coresOr(begin, wholeNodeCores), fromMs: begin.atMs, toMs: endMs });
  }
  return runs;
}

const coresOr = (event: HookEvent, unknown: number): number => event.cores ?? unknown;

function evenShare(record: JobRecord, node: NodeName): number {
  const place = record.nodes.indexOf(node);
  const count = record.nodes.length;
  return Math.floor(record.cores / count) + (place < record.cores % count ? 1 : 0);
}
