// An invocation: one call of a command, with its states, its attempts and how they end.

import type { CallPhases } from "./call.js";
import type { LeaseDigest } from "./functions/lease.js";
import type { BlobHash, ExecutorId, InvocationId, NodeName, VersionId } from "./ids.js";
import type { Transitions } from "./machine.js";
import type { ResourceRequest } from "./resources.js";
import type { Shaped } from "./shaped.js";
import type { mail, schedule, where } from "./shapes/schedule.js";
import type {
  change,
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
 * How an attempt ended. EVICTED (a hole closed) and LOST (its executor vanished) send the
 * invocation back to PENDING, use up no retry and are not billed, except that a leased worker is
 * billed until its eviction. Every other end is billed and final, except FAILED without a start,
 * which may be tried on another node, and FAILED because code of the user ended the call's worker.
 */
export const attemptEnds = [
  "COMPLETED",
  "FAILED",
  "CANCELLED",
  "TIMEOUT",
  "OUT_OF_MEMORY",
  "EVICTED",
  "LOST",
] as const;

export type AttemptEnd = (typeof attemptEnds)[number];

export type AttemptState = "RUNNING" | AttemptEnd;

export const isBilled = (end: AttemptEnd): boolean => end !== "EVICTED" && end !== "LOST";

/** The signal that a function requested before it has to go. */
export type Notice = Shaped<typeof notice>;

/** As users write it; `leadMs` null means the default. */
export type RequestedNotice = Shaped<typeof requestedNotice>;

/** When a submission may start, beyond free resources. */
export type Schedule = Shaped<typeof schedule>;

export type Condition = NonNullable<Schedule["dependency"]>["on"][number];

/** Which mails a submission asks for. */
export type Mail = Shaped<typeof mail>;

/** The nodes on which a submission may run. */
export type Where = Shaped<typeof where>;

/**
 * A script starts with `#!`; an argv is executed as it is; a call goes to a worker. Gleaner passes
 * none to a shell.
 */
export type Command = Shaped<typeof command>;

/** A user's request: checked once on admission (core/submission/admission.ts), then trusted. */
export type Submission = Shaped<typeof submission>;

/** What is to change of a submission; null takes a part away. */
export type Change = Shaped<typeof change>;

/** As received: its shape is checked, its values are not; null means the default. */
export type RequestedSubmission = Shaped<typeof submissionRequest>;

/**
 * The longest time limit there is, as milliseconds travel as 32-bit integers: 24 days. Whoever asks
 * for it gets the site's longest.
 */
export const unlimitedMs = 2_147_483_647;

/**
 * How long before a time limit a notice comes: at half of a limit that is no longer than the lead
 * time, as with Slurm; the function has begun by then, and can have set its traps.
 */
export const leadWithin = (leadMs: number, timeLimitMs: number): number =>
  leadMs < timeLimitMs ? leadMs : Math.floor(timeLimitMs / 2);

/** The most tasks of an attached command: few nodes have more cores. */
export const maxAttachedTasks = 256;

/** The words of a command that its user chose. */
export function wordsOf(command: Command): readonly string[] {
  switch (command.kind) {
    case "script":
      return command.args;
    case "argv":
    case "attached":
      return command.argv;
    case "call":
      return [command.function];
  }
}

/**
 * The part of a submission that the daemon keeps in memory; script and environment stay in the
 * store.
 */
export interface SubmissionDigest {
  /** The key under which its run time is learned. */
  readonly functionKey: string;
  /** Its working directory, if it requested a checkpoint folder; else null. */
  readonly checkpointIn: string | null;
  /** The size of its script and environment, or of the settings of the function that it calls. */
  readonly documentBytes: number;
  /** The size of all inputs, if it calls a function; 0 for a command. */
  readonly inputBytes: number;
  /** The version of the function that it calls; null for a command. */
  readonly version: VersionId | null;
  /** The content with the inputs of all tasks, if they came as a stream; else null. */
  readonly packedInputs: BlobHash | null;
  /** If omitted, it may start as soon as there is a place. */
  readonly schedule?: Schedule;
  /** If omitted, on every node. */
  readonly where?: Where;
  readonly mail?: Mail;
  /** If omitted, its workers serve nobody directly. */
  readonly lease?: LeaseDigest;
  /** How many such calls may share a worker; if omitted, none. */
  readonly seats?: number;
  /** If omitted, its time limit did not change while something of it ran. */
  readonly timeLimits?: TimeLimits;
}

/** The lowest and the highest time limit that what runs may go by. */
export interface TimeLimits {
  readonly leastMs: number;
  readonly mostMs: number;
}

/** The submitting user, as munge vouched for them. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
  readonly user: string;
}

export interface Invocation extends ResourceRequest {
  readonly id: InvocationId;
  /** For a task of an array: the array's id (the id of its first task) and the task's number. */
  readonly arrayJobId: InvocationId | null;
  readonly arrayTaskId: number | null;
  readonly owner: Identity;
  readonly name: string;
  readonly timeLimitMs: number;
  readonly state: InvocationState;
  readonly submittedAtMs: number;
  readonly startedAtMs: number | null;
  readonly endedAtMs: number | null;
  /** The number of the newest attempt; 0 before the first one. */
  readonly attempt: number;
  readonly exitCode: number | null;
  readonly signal: number | null;
  /** Why it ended or waits, as one sentence, or null. */
  readonly reason: string | null;
  readonly node: NodeName | null;
  /** The measured and billed time of its last attempt; null before that ended. */
  readonly wallMs: number | null;
  /** The processor time of its last attempt; null before that ended. */
  readonly cpuMs: number | null;
  /** The memory of the largest process of its last attempt; null before that ended. */
  readonly maxRssMb: number | null;
  /** The processor time of its last attempt that is billed as hot, if it is a leased worker. */
  readonly hotMs?: number | undefined;
  /** The part of wallMs that it pays, if it shared its worker with other calls. */
  readonly shareMs?: number | undefined;
}

/** The part that the owner requested; the rest of the record comes from its attempts. */
export type Requested = Pick<
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

/** The part that its attempts change. */
export type Progress = Omit<Invocation, keyof Requested>;

/** Before the first attempt. */
export const untouched: Progress = {
  state: "PENDING",
  startedAtMs: null,
  endedAtMs: null,
  attempt: 0,
  exitCode: null,
  signal: null,
  reason: null,
  node: null,
  wallMs: null,
  cpuMs: null,
  maxRssMb: null,
};

export interface Attempt extends ResourceRequest {
  readonly invocation: InvocationId;
  /** 1, 2, 3 … within its invocation. */
  readonly number: number;
  readonly executor: ExecutorId;
  readonly node: NodeName;
  readonly state: AttemptState;
  readonly startedAtMs: number;
  /** The same moment on the monotonic clock of gleanerd's machine, which nobody can set. */
  readonly startedMonotonicMs: number;
  readonly endedAtMs: number | null;
  /** Measured on the node's monotonic clock, from the command's start to its end. */
  readonly wallMs: number | null;
  /** Why it ended so, as one sentence; null if there is nothing to say, and before. */
  readonly reason: string | null;
  /** The call for which the worker was opened that it shares; null: it has a place of its own. */
  readonly sharesWith: InvocationId | null;
  /** The part of wallMs for which it pays; null: all, or unknown until it ends. */
  readonly shareMs: number | null;
  /** null until it ends, for a command, and for a call that found a warm worker. */
  readonly phases: CallPhases | null;
}

/** The id of the submission that it belongs to: the array's, or its own. */
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
