// Slurm's names of states and of reasons, for listings that programs read.

import {
  type Invocation,
  type InvocationState,
  invocationTransitions,
} from "../../model/invocation.js";
import { triedElsewhere } from "../../model/records/start-failure.js";

/** The partition of all invocations. */
export const partition = "gleaner";

/** Slurm's short codes, as in squeue's ST column. */
const codes: Readonly<Record<string, string>> = {
  PENDING: "PD",
  RUNNING: "R",
  COMPLETED: "CD",
  FAILED: "F",
  CANCELLED: "CA",
  TIMEOUT: "TO",
  OUT_OF_MEMORY: "OOM",
  DEADLINE: "DL",
  PREEMPTED: "PR",
  BOOT_FAIL: "BF",
  COMPLETING: "CG",
  CONFIGURING: "CF",
  NODE_FAIL: "NF",
  RECONFIG_FAIL: "RC",
  REQUEUED: "RQ",
  REQUEUE_FED: "RF",
  REQUEUE_HOLD: "RH",
  RESIZING: "RS",
  RESV_DEL_HOLD: "RD",
  REVOKED: "RV",
  SIGNALING: "SI",
  SPECIAL_EXIT: "SE",
  STAGE_OUT: "SO",
  STOPPED: "ST",
  SUSPENDED: "S",
};

export const slurmStates: readonly string[] = Object.keys(codes);

export const codeOf = (state: string): string => codes[state] ?? state;

/** Slurm's name of a state by its name or its code; null if it has none. */
export function slurmState(word: string): string | null {
  const upper = word.toUpperCase();
  return slurmStates.find((state) => state === upper || codes[state] === upper) ?? null;
}

/** The states in which Gleaner has what Slurm has in this one; none for states of jobs alone. */
export function ownStates(state: string): readonly InvocationState[] {
  if (state === "DEADLINE") return ["CANCELLED"];
  if (state === "PREEMPTED") return ["FAILED"];
  return isOwn(state) ? [state] : [];
}

const isOwn = (state: string): state is InvocationState =>
  Object.hasOwn(invocationTransitions, state);

/** As Slurm would call it: a missed deadline and an eviction without a requeue have own names. */
export function stateOf({ state, reason }: Pick<Invocation, "state" | "reason">): string {
  if (state === "CANCELLED" && reason?.startsWith("DeadLine")) return "DEADLINE";
  if (state === "FAILED" && reason?.startsWith("evicted, and --no-requeue")) return "PREEMPTED";
  return state;
}

/** Whether an end was none that its owner wished. */
export const hasFailed = ({ state }: Pick<Invocation, "state">): boolean =>
  state === "FAILED" || state === "TIMEOUT" || state === "OUT_OF_MEMORY";

/** One word, as in squeue's REASON column: what waits for a place waits for resources. */
export function reasonOf({ state, reason }: Pick<Invocation, "state" | "reason">): string {
  const [, word] = /^([A-Z]\w+)(?=:|$)/.exec(reason ?? "") ?? [];
  if (word !== undefined) return word;
  if (state !== "PENDING") return "None";
  return reason?.endsWith(triedElsewhere) ? "JobLaunchFailure" : "Resources";
}

/** Why it waits or has ended, if that takes more than a word. */
export const sentenceOf = ({ reason }: Pick<Invocation, "reason">): string | null =>
  reason?.includes(" ") ? reason : null;

/** Whether a process of it ran, so that its end is its own. */
export const hasRun = ({ maxRssMb, wallMs }: Pick<Invocation, "maxRssMb" | "wallMs">): boolean =>
  (maxRssMb ?? 0) > 0 || (wallMs ?? 0) > 0;

/** As reasonOf(), and why something ended that did not succeed. */
export function endReasonOf(invocation: Invocation): string {
  const { exitCode, signal } = invocation;
  switch (stateOf(invocation)) {
    case "FAILED":
      if ((exitCode ?? 0) > 0 || signal !== null) return "NonZeroExitCode";
      return hasRun(invocation) ? reasonOf(invocation) : "JobLaunchFailure";
    case "TIMEOUT":
      return "TimeLimit";
    case "OUT_OF_MEMORY":
      return "OutOfMemory";
    default:
      return reasonOf(invocation);
  }
}

/** Whether squeue shows the reason in place of the node. */
export const isShownByReason = (invocation: Invocation): boolean =>
  invocation.state === "PENDING" || hasFailed(invocation) || stateOf(invocation) === "DEADLINE";
