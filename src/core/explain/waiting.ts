// Answers to "why": why a hole is unused, why an invocation waits, in sentences.

import type { UnusableReason } from "../../model/capacity/hole.js";
import type { HoleEnd } from "../../model/capacity/prediction.js";
import type { Invocation } from "../../model/invocation.js";
import { fits as fitsByNumber, type Resources } from "../../model/resources.js";

/** One sentence without a full stop; shown by `glean info`, `glean explain` and in plans. */
export function describeReason(reason: UnusableReason): string {
  switch (reason.kind) {
    case "full":
      return "the node is full: batch jobs hold all of its cores, or get them back when they are resumed";
    case "state":
      return `Slurm has the node in state ${reason.flag}${reason.detail === undefined ? "" : ` (${reason.detail})`}`;
    case "unknownState":
      return `Slurm shows the state ${reason.flag}, which Gleaner does not know, so it stays away`;
    case "owner":
      return `the node belongs to user ${reason.owner} for now (--exclusive=user)`;
    case "memory":
      return `only ${reason.freeMb} MB are free after the margin, and ${reason.neededMb} MB are the least that is useful`;
    case "pinned":
      return `jobs are pinned to particular cores (TaskPlugin), and which are free cannot be told: ${reason.why}`;
    case "partition":
      return `partition ${reason.partition} is not in placement.partitions`;
    case "noHook":
      return `the node hook is not assured: ${reason.detail}`;
    case "noPreemption":
      return `Slurm would not let batch jobs preempt pilots: ${reason.detail}`;
    case "drained":
      return `${reason.by} drained it for Gleaner (glean resume puts it back)`;
    case "stale":
      return `the last good answer of slurmctld is ${Math.round(reason.ageMs / 1000)} s old`;
    case "tooShort":
      return `a job is planned to start there in ${reason.endsInMs} ms`;
    case "interference":
      return `batch work suffered beside functions: ${reason.detail}; next try in ${Math.ceil(reason.retryInMs / 1000)} s, or when its jobs have left`;
    case "sick":
      return `${reason.detail}; next try in ${Math.ceil(reason.retryInMs / 1000)} s`;
    case "launchFailing":
      return `the last start failed (${reason.detail}); next try in ${Math.ceil(reason.retryInMs / 1000)} s`;
  }
}

/** When a hole is expected to close, how sure that is and what it rests on: one sentence without a full stop. */
export function describeEnd(end: HoleEnd, nowMs: number): string {
  const inSeconds = Math.ceil(Math.max(0, (end.endsAtMs ?? nowMs) - nowMs) / 1_000);
  const sure = `${Math.round(end.confidence * 100)} % sure`;
  switch (end.source) {
    case "planned":
      return `Slurm plans to start a job there in ${inSeconds} s (${sure})`;
    case "reservation":
      return `a reservation of the node begins in ${inSeconds} s (${sure})`;
    case "survival":
      return `nothing is planned there; a hole of its age lasts another ${inSeconds} s in half of the cases (${sure}, learned from past holes)`;
    case "none":
      return "nothing is planned there, and nothing is known of how long such holes last";
  }
}

/** What an invocation that waits is waited for by. */
export interface WaitView {
  /** Ready executors: what they may use at most, and what is free now. */
  readonly executors: readonly {
    readonly budget: Resources;
    readonly free: Resources;
    /** Until something is planned on its node; null: nothing is. */
    readonly endsInMs: number | null;
  }[];
  readonly expectedMs: number;
  /** Pilots that Slurm was asked for and has not started yet. */
  readonly pilotsComing?: number;
  /** The longest work that a pilot would have time for: of the site's choice, and in the longest hole that is open now. */
  readonly pilotTime?: { readonly longestMs: number; readonly nowLongestMs: number };
  readonly pendingAhead: number;
  readonly stale: boolean;
  readonly slurmProblem: string | null;
  readonly allDrained: boolean;
  /** Nodes that give no GPUs to functions, and why. */
  /** Nodes on which it is not tried now, since its start failed there. */
  readonly avoided?: readonly string[];
  readonly gpuProblems?: readonly { readonly node: string; readonly reason: string }[];
}

/** More would hide the other reasons. */
const maxGpuProblems = 3;

/** Why a PENDING invocation has not started, the decisive reason first. */
export function explainWait(invocation: Invocation, view: WaitView): readonly string[] {
  const need = { cores: invocation.cores, memoryMb: invocation.memoryMb, gpus: [] };
  const fits = (free: Resources): boolean =>
    fitsByNumber(need, free) && free.gpus.length >= invocation.gpus;
  const wants = `it needs ${amounts({ ...need, gpus: invocation.gpus })}`;
  const lines: string[] = [];
  if (view.allDrained)
    lines.push("all nodes are drained for Gleaner: an operator has to resume them");
  if (view.stale)
    lines.push(
      `the view of Slurm is stale${view.slurmProblem === null ? "" : `: ${view.slurmProblem}`}`,
    );
  const coming = view.pilotsComing ?? 0;
  const tooShort = whyNoPilot(view);
  if (tooShort !== null) lines.push(tooShort);
  else if (coming > 0) lines.push(`pilots that wait for Slurm to start them: ${coming}`);
  else if (view.executors.length === 0)
    lines.push("no node has a hole now, so no executor is ready");
  else if (!view.executors.some((each) => fits(each.budget)))
    lines.push(`no hole is large enough now: ${wants}, the largest hole has ${largest(view)}`);
  else if (!view.executors.some((each) => fits(each.free)))
    lines.push(`every hole that is large enough is busy: ${wants}`);
  else if (!view.executors.some((each) => fits(each.free) && outlasts(each, view)))
    lines.push(
      `every hole that is free is planned to end before it would: it is expected to take ${seconds(view.expectedMs)} s (a shorter -t helps, if it is less)`,
    );
  if (invocation.gpus > 0)
    for (const { node, reason } of (view.gpuProblems ?? []).slice(0, maxGpuProblems))
      lines.push(`the GPUs of ${node} are not given to functions: ${reason}`);
  const { avoided = [] } = view;
  if (avoided.length > 0)
    lines.push(`it is not tried now where its start failed: on ${avoided.join(", ")}`);
  if (view.pendingAhead > 0)
    lines.push(`${view.pendingAhead} invocations are ahead of it in the queue`);
  if (invocation.attempt > 0)
    lines.push(
      `attempt ${invocation.attempt} ended without a result${invocation.reason === null ? "" : ` (${invocation.reason})`}; that counts as no try`,
    );
  if (lines.length === 0) lines.push("it is about to start");
  return lines;
}

const seconds = (ms: number): number => Math.ceil(ms / 1_000);

/** Why no pilot, there or to come, has the time that is expected to be needed; null: one has, or executors are no jobs. */
function whyNoPilot(view: WaitView): string | null {
  const { pilotTime, expectedMs, executors } = view;
  if (pilotTime === undefined || expectedMs <= pilotTime.nowLongestMs) return null;
  if (executors.some((each) => outlasts(each, view))) return null;
  const takes = `it is expected to take ${seconds(expectedMs)} s`;
  return expectedMs > pilotTime.longestMs
    ? `${takes}, and no pilot has more than ${seconds(pilotTime.longestMs)} s for a function (placement.pilot.timeLimitMs): cancel it and submit it with a shorter -t`
    : `${takes}, and a pilot that is submitted now would have ${seconds(pilotTime.nowLongestMs)} s for it: it waits for a hole that lasts longer`;
}

const outlasts = (each: WaitView["executors"][number], { expectedMs }: WaitView): boolean =>
  each.endsInMs === null || each.endsInMs >= expectedMs;

function largest(view: WaitView): string {
  const best = view.executors.reduce((one, other) =>
    other.budget.cores > one.budget.cores ? other : one,
  );
  return amounts({ ...best.budget, gpus: best.budget.gpus.length });
}

/** `2 cores and 1000 MB`, `2 cores, 1000 MB and 1 GPU`. */
export function amounts({
  cores,
  memoryMb,
  gpus,
}: Record<"cores" | "memoryMb" | "gpus", number>): string {
  if (gpus === 0) return `${cores} cores and ${memoryMb} MB`;
  return `${cores} cores, ${memoryMb} MB and ${gpus} ${gpus === 1 ? "GPU" : "GPUs"}`;
}
