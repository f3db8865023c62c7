// An invocation: one call of a command; its states, its attempts and how they end.

import type { ExecutorId, InvocationId, NodeName } from "./ids.js";
import type { Transitions } from "./machine.js";
import type { Shaped } from "./shaped.js";
import type {
  command,
  notice,
  requestedNotice,
  submission,
  submissionRequest,
} from "./shapes/submission.js";

export type InvocationState =
  | "PENDING"
  | "RUNNING"
  | "COMPLETED"
  | "FAILED"
  | "CANCELLED"
  | "TIMEOUT"
  | "OUT_OF_MEMORY";

export const invocationTransitions: Transitions<InvocationState> = {
  PENDING: ["RUNNING", "CANCELLED", "FAILED"],
  RUNNING: ["PENDING", "COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY"],
  COMPLETED: [],
  FAILED: [],
  CANCELLED: [],
  TIMEOUT: [],
  OUT_OF_MEMORY: [],
};

export const isFinal = (state: InvocationState): boolean =>
  invocationTransitions[state].length === 0;

/**
 * How an attempt ended. EVICTED (a hole closed) and LOST (its executor vanished) send the invocation back to
 * PENDING, use up no retry and are not billed; every other end is billed and final, but for FAILED
 * without a start: that may be tried on another node.
 */
export type AttemptEnd =
  | "COMPLETED"
  | "FAILED"
  | "CANCELLED"
  | "TIMEOUT"
  | "OUT_OF_MEMORY"
  | "EVICTED"
  | "LOST";

export type AttemptState = "RUNNING" | AttemptEnd;

export const isBilled = (end: AttemptEnd): boolean => end !== "EVICTED" && end !== "LOST";

/** What glean-spawn does before a command's first instruction, as it reports it (PROTOCOL.md). */
export const startStages = [
  "request",
  "start",
  "join",
  "oom-score",
  "schedule",
  "affinity",
  "namespace",
  "user",
  "checkpoint",
  "chdir",
  "open-stdin",
  "open-stdout",
  "open-stderr",
  "script",
  "exec",
] as const;

export type StartStage = (typeof startStages)[number];

/** Where the start of a command failed. */
export interface StartFailure {
  readonly stage: StartStage;
  /** 0: there is none. */
  readonly errno: number;
}

/** The signal that a function asked for before it has to go. */
export type Notice = Shaped<typeof notice>;

/** As users write it: `leadMs` null stands for a default. */
export type RequestedNotice = Shaped<typeof requestedNotice>;

/** A script starts with `#!`; an argv is run as it is. Neither passes a shell of ours. */
export type Command = Shaped<typeof command>;

/** What a user asks for; checked once at the door (core/submission/admission.ts), then trusted. */
export type Submission = Shaped<typeof submission>;

/** As it comes over the wire: its shape was checked, its sense not yet; null stands for a default. */
export type RequestedSubmission = Shaped<typeof submissionRequest>;

/** What the daemon keeps in memory of a submission: script and environment stay in the store. */
export interface SubmissionDigest {
  /** What its run time is learned by. */
  readonly functionKey: string;
  /** Its working directory, when it asked for a checkpoint folder; null: it did not. */
  readonly checkpointIn: string | null;
  /** The size of its script and environment. */
  readonly documentBytes: number;
}

/** Who submitted: what munge vouched for. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
  readonly user: string;
}

export interface Invocation {
  readonly id: InvocationId;
  /** Of an array's task: the array's id (the first task's own id) and its number. */
  readonly arrayJobId: InvocationId | null;
  readonly arrayTaskId: number | null;
  readonly owner: Identity;
  readonly name: string;
  readonly cores: number;
  readonly memoryMb: number;
  readonly gpus: number;
  readonly timeLimitMs: number;
  readonly state: InvocationState;
  readonly submittedAtMs: number;
  readonly startedAtMs: number | null;
  readonly endedAtMs: number | null;
  /** The number of the newest attempt; 0 before the first. */
  readonly attempt: number;
  readonly exitCode: number | null;
  readonly signal: number | null;
  /** Why it ended or waits, one sentence, or null. */
  readonly reason: string | null;
  readonly node: NodeName | null;
  /** What its last attempt was measured and billed for; null before that ended. */
  readonly wallMs: number | null;
}

/** What the owner asked for; the rest of the record comes with its attempts. */
type Asked = Pick<
  Invocation,
  | "id"
  | "arrayJobId"
  | "arrayTaskId"
  | "owner"
  | "name"
  | "cores"
  | "memoryMb"
  | "gpus"
  | "timeLimitMs"
  | "submittedAtMs"
>;

/** An invocation before its first attempt. */
export const newInvocation = (asked: Asked): Invocation => ({
  ...asked,
  state: "PENDING",
  startedAtMs: null,
  endedAtMs: null,
  attempt: 0,
  exitCode: null,
  signal: null,
  reason: null,
  node: null,
  wallMs: null,
});

export interface Attempt {
  readonly invocation: InvocationId;
  /** 1, 2, 3 … within its invocation. */
  readonly number: number;
  readonly executor: ExecutorId;
  readonly node: NodeName;
  readonly cores: number;
  readonly memoryMb: number;
  readonly gpus: number;
  readonly state: AttemptState;
  readonly startedAtMs: number;
  /** The same moment by the monotonic clock of gleanerd's machine, which nobody sets. */
  readonly startedMonotonicMs: number;
  readonly endedAtMs: number | null;
  /** Measured on the node's monotonic clock, from the start of the command to its end. */
  readonly wallMs: number | null;
}

/** The id of the submission that it came with: an array's, or its own. */
export const submissionIdOf = (invocation: Pick<Invocation, "id" | "arrayJobId">): InvocationId =>
  invocation.arrayJobId ?? invocation.id;

/** `42` or `42_7`. */
export function displayId(
  invocation: Pick<Invocation, "id" | "arrayJobId" | "arrayTaskId">,
): string {
  return invocation.arrayJobId === null
    ? String(invocation.id)
    : `${invocation.arrayJobId}_${invocation.arrayTaskId}`;
}
