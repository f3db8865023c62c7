// Explains in sentences why a hole is unused and why an invocation waits.

import type { UnusableReason } from "../../model/capacity/hole.js";
import type { HoleEnd } from "../../model/capacity/prediction.js";
import { counted } from "../../model/counted.js";
import type { Invocation } from "../../model/invocation.js";
import { countsOf, fits, type ResourceRequest, type Resources } from "../../model/resources.js";
import { type GresCounts, gresText } from "../../model/slurm/gres-counts.js";

/** One sentence without a full stop, shown by `glean info`, `glean explain` and in plans. */
export function describeReason(reason: UnusableReason): string {
  switch (reason.kind) {
    case "full":
      return "the node is full: batch jobs hold all of its cores or get them back when they resume";
    case "state":
      return `Slurm reports the node in state ${reason.flag}${reason.detail === undefined ? "" : ` (${reason.detail})`}`;
    case "unknownState":
      return `Slurm reports the node in state ${reason.flag}, which Gleaner does not know and therefore avoids`;
    case "owner":
      return reason.isLabel
        ? `the node belongs to jobs of MCS label ${reason.owner} at present`
        : `the node belongs to user ${reason.owner} at present (--exclusive=user)`;
    case "memory":
      return `only ${reason.freeMb} MB of memory are free after the margin; a hole needs at least ${reason.neededMb} MB`;
    case "pinned":
      return `jobs are pinned to particular cores (TaskPlugin), and the free cores cannot be determined: ${reason.why}`;
    case "partition":
      return `partition ${reason.partition} is not in placement.partitions`;
    case "noHook":
      return `the node hook is not set up: ${reason.detail}`;
    case "noPreemption":
      return `Slurm would not let batch jobs preempt pilots: ${reason.detail}`;
    case "drained":
      return `${reason.by} drained the node for Gleaner (glean resume returns it)`;
    case "stale":
      return `slurmctld last answered ${Math.round(reason.ageMs / 1000)} s ago`;
    case "tooShort":
      return `Slurm plans to start a job there in ${reason.endsInMs} ms`;
    case "interference":
      return `functions slowed down batch work: ${reason.detail}; the next try is in ${Math.ceil(reason.retryInMs / 1000)} s, or once its jobs have left`;
    case "sick":
    case "noMemoryLeft":
      return `${reason.detail}; the next try is in ${Math.ceil(reason.retryInMs / 1000)} s`;
    case "launchFailing":
      return `the last executor start failed (${reason.detail}); the next try is in ${Math.ceil(reason.retryInMs / 1000)} s`;
  }
}

/**
 * When a hole is expected to close, with the confidence and the source of the prediction: one
 * sentence without a full stop.
 */
export function describeEnd(end: HoleEnd, nowMs: number): string {
  const inSeconds = Math.ceil(Math.max(0, (end.endsAtMs ?? nowMs) - nowMs) / 1_000);
  const sure = `${Math.round(end.confidence * 100)} % sure`;
  switch (end.source) {
    case "planned":
      return `Slurm plans to start a job there in ${inSeconds} s (${sure})`;
    case "reservation":
      return `a reservation on the node begins in ${inSeconds} s (${sure})`;
    case "survival":
      return `nothing is planned there; half of the holes of this age last at least another ${inSeconds} s (${sure}, learned from past holes)`;
    case "none":
      return "nothing is planned there, and there are no records yet of how long such holes last";
  }
}

/** Everything that may keep an invocation waiting. */
export interface WaitView {
  /** Ready executors: the most they may use, and what is free now. */
  readonly executors: readonly {
    readonly budget: Resources;
    readonly free: Resources;
    /** Time until the next planned start on its node; null if there is none. */
    readonly endsInMs: number | null;
  }[];
  readonly expectedMs: number;
  /** Pilots submitted to Slurm that have not started yet. */
  readonly pilotsComing?: number;
  /**
   * The longest work that a pilot has time for: by the site's settings, and in the longest hole
   * open now.
   */
  readonly pilotTime?: { readonly longestMs: number; readonly nowLongestMs: number };
  readonly pendingAhead: number;
  readonly stale: boolean;
  readonly slurmProblem: string | null;
  readonly allDrained: boolean;
  /** Nodes that the invocation avoids at present because its start failed there. */
  readonly avoided?: readonly string[];
  /** Nodes whose GPUs Gleaner does not use, and why. */
  readonly gpuProblems?: readonly { readonly node: string; readonly reason: string }[];
  /** What it waits for beside a place; null, or if omitted, nothing. */
  readonly barrier?: string | null;
  /** What it asks of a node; if omitted, nothing. */
  readonly where?: string | undefined;
  /** Counted resources that it needs; if omitted, none. */
  readonly gres?: GresCounts | undefined;
}

/** A longer list would hide the other reasons. */
const maxGpuProblems = 3;

/** `problem`: why there is no newer view; null if the last read succeeded. */
export const describeStale = (problem: string | null): string =>
  `the data from Slurm is out of date: ${problem ?? "slurmctld answers slowly, so gleanerd reads it less often"}`;

/** Why a PENDING invocation has not started, with the decisive reason first. */
export function explainWait(invocation: Invocation, view: WaitView): readonly string[] {
  const { gres } = view;
  const fitsIn = (free: Resources): boolean => fits({ ...invocation, gres }, free);
  const wants = `it needs ${amounts(invocation)}${gres === undefined ? "" : ` and ${gresText(gres)}`}`;
  if (view.barrier != null) return [view.barrier];
  const lines: string[] = [];
  if (view.where !== undefined) lines.push(`it asks for ${view.where}`);
  if (view.allDrained)
    lines.push("all nodes are drained for Gleaner: an operator has to resume them");
  if (view.stale) lines.push(describeStale(view.slurmProblem));
  const coming = view.pilotsComing ?? 0;
  const tooShort = whyNoPilot(view);
  if (tooShort !== null) lines.push(tooShort);
  else if (coming > 0) lines.push(`Slurm has yet to start ${counted(coming, "pilot")}`);
  else if (view.executors.length === 0)
    lines.push("no node has a hole at present, so no executor is ready");
  else if (!view.executors.some((each) => fitsIn(each.budget)))
    lines.push(
      `no hole is large enough at present: ${wants}, and the largest hole has ${largest(view)}`,
    );
  else if (!view.executors.some((each) => fitsIn(each.free)))
    lines.push(`every hole that is large enough is busy: ${wants}`);
  else if (!view.executors.some((each) => fitsIn(each.free) && outlasts(each, view)))
    lines.push(
      `every free hole closes too early: the invocation is expected to take ${seconds(view.expectedMs)} s (if it needs less, set a shorter -t)`,
    );
  if (invocation.gpus > 0)
    for (const { node, reason } of (view.gpuProblems ?? []).slice(0, maxGpuProblems))
      lines.push(`Gleaner does not use the GPUs of ${node}: ${reason}`);
  const { avoided = [] } = view;
  if (avoided.length > 0)
    lines.push(`it avoids nodes on which its start failed: ${avoided.join(", ")}`);
  if (view.pendingAhead > 0)
    lines.push(
      `${counted(view.pendingAhead, "invocation")} ${view.pendingAhead === 1 ? "is" : "are"} ahead of it in the queue`,
    );
  if (invocation.attempt > 0)
    lines.push(
      `attempt ${invocation.attempt} ended without a result${invocation.reason === null ? "" : ` (${invocation.reason})`}; this does not count as a try`,
    );
  if (lines.length === 0) lines.push("it is about to start");
  return lines;
}

const seconds = (ms: number): number => Math.ceil(ms / 1_000);

/**
 * Why no pilot, running or to come, has enough time for the expected run; null if one has or if
 * executors are not jobs.
 */
function whyNoPilot(view: WaitView): string | null {
  const { pilotTime, expectedMs, executors } = view;
  if (pilotTime === undefined || expectedMs <= pilotTime.nowLongestMs) return null;
  if (executors.some((each) => outlasts(each, view))) return null;
  const takes = `it is expected to take ${seconds(expectedMs)} s`;
  return expectedMs > pilotTime.longestMs
    ? `${takes}, but pilots have at most ${seconds(pilotTime.longestMs)} s for a function (placement.pilot.timeLimitMs and the partition's MaxTime): cancel it and resubmit it with a shorter -t`
    : `${takes}, but a pilot submitted now would have only ${seconds(pilotTime.nowLongestMs)} s for it: it waits for a longer hole`;
}

const outlasts = (each: WaitView["executors"][number], { expectedMs }: WaitView): boolean =>
  each.endsInMs === null || each.endsInMs >= expectedMs;

function largest(view: WaitView): string {
  const best = view.executors.reduce((one, other) =>
    other.budget.cores > one.budget.cores ? other : one,
  );
  return amounts(countsOf(best.budget));
}

/** For example `1 core and 1000 MB`, or `2 cores, 1000 MB and 1 GPU`. */
export function amounts({ cores, memoryMb, gpus }: ResourceRequest): string {
  if (gpus === 0) return `${counted(cores, "core")} and ${memoryMb} MB`;
  return `${counted(cores, "core")}, ${memoryMb} MB and ${counted(gpus, "GPU")}`;
}
