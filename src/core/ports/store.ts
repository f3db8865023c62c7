// The port to the database: all that the daemon knows of it.

import type { TasksOfRun } from "../../model/array-tasks.js";
import type { CallAnswer, CallPhases, Payload } from "../../model/call.js";
import type { Placement } from "../../model/capacity/executor.js";
import type { ExecutorId, InvocationId, JobId, NodeName } from "../../model/ids.js";
import type {
  Attempt,
  AttemptEnd,
  Identity,
  Invocation,
  InvocationState,
  Submission,
  SubmissionDigest,
} from "../../model/invocation.js";
import type { BillLine, LedgerCheck, LedgerHead, Posting } from "../../model/records/account.js";
import type { AuditAction, AuditEvent } from "../../model/records/audit.js";
import type { ConditionChange } from "../../model/records/idle.js";
import type {
  Eviction,
  Holding,
  HookEvent,
  JobRecord,
  NodeSpan,
  UtilizationInput,
} from "../../model/records/utilization.js";
import type { KeptAnswer, KeptEnd, KeptLog, LogFilter } from "./answers.js";
import type { FunctionStore } from "./functions.js";
import type { Heat, LeaseStore } from "./leases.js";
import type { MapStore, PackedInputs } from "./maps.js";
import type { RefusalStore } from "./refusals.js";
import type { SubmissionStore } from "./submissions.js";

/** A submission as recorded. */
export interface NewInvocations {
  /** Chosen by the client: a request sent twice is recorded once. */
  readonly requestId: string;
  readonly owner: Identity;
  readonly submission: Submission;
  /** One for each task, if they are calls; omitted for commands. */
  readonly inputs?: readonly Payload[];
  /** The inputs of a map that came as a stream, in place of `inputs`. */
  readonly packed?: PackedInputs;
  readonly submittedAtMs: number;
}

/** Ids from the first to the last. */
export type IdRange = readonly [first: InvocationId, last: InvocationId];

/**
 * A live invocation with the parts of its submission that the daemon needs before it runs; or, with
 * `run`, that many tasks of an array that begin with it and that nobody has tried to run yet.
 */
export interface LiveInvocation {
  readonly invocation: Invocation;
  readonly run?: TasksOfRun;
  readonly digest: SubmissionDigest;
  /** The length of its longest evicted attempt; omitted for a new invocation. */
  readonly ranMs?: number;
}

export interface AttemptResult extends Heat {
  readonly invocation: InvocationId;
  readonly attempt: number;
  readonly end: AttemptEnd;
  readonly exitCode: number | null;
  readonly signal: number | null;
  readonly wallMs: number;
  /** Its part of that, if it did not have its worker alone; else null. */
  readonly shareMs: number | null;
  readonly cpuMs: number;
  readonly maxRssMb: number;
  readonly reason: string | null;
  readonly endedAtMs: number;
  /**
   * The next state of the invocation: PENDING after EVICTED, LOST, a failed start or an
   * interruption, otherwise the end itself.
   */
  readonly next: InvocationState;
  /** None if the end is not billed. */
  readonly postings: readonly Posting[];
  /** What a worker answered; null for a command, and for an attempt that does not count. */
  readonly answer: CallAnswer | null;
  /** What the call printed, as far as it is kept. */
  readonly log: Uint8Array | null;
  /** null for a command, and for a call that found a warm worker. */
  readonly phases: CallPhases | null;
}

/** A call or lease that was accepted before its record, with its attempts so far, in order. */
export interface CallRecord {
  /** The id of its first invocation: reserveIds() returned it, and those of the others. */
  readonly id: InvocationId;
  readonly request: NewInvocations;
  /** The result of an invocation's last one is null while it runs. */
  readonly attempts: readonly {
    readonly attempt: Attempt;
    readonly result: AttemptResult | null;
  }[];
}

export interface InvocationFilter {
  /** The owner; if omitted, all users. */
  readonly uid?: number;
  readonly ids?: readonly InvocationId[];
  readonly arrayJobId?: InvocationId;
  readonly arrayTaskId?: number;
  readonly states?: readonly InvocationState[];
  readonly sinceMs?: number;
  readonly limit: number;
}

/** If omitted, everything. `arrayJobId` selects the tasks of that array. */
export type ScanFilter = Pick<
  InvocationFilter,
  "uid" | "arrayJobId" | "arrayTaskId" | "states" | "sinceMs"
> & {
  /** By descending ids. */
  readonly newestFirst?: boolean;
};

export interface Scan {
  readonly found: readonly Invocation[];
  readonly scannedTo: number | null;
}

export interface AuditFilter extends BillFilter {
  readonly action?: AuditAction;
  readonly limit: number;
}

export interface BillFilter {
  readonly uid?: number;
  readonly fromMs?: number;
  readonly toMs?: number;
}

/** The ids of the tasks are consecutive. */
export interface Submitted {
  readonly id: InvocationId;
  readonly tasks: number;
  readonly isNew: boolean;
}

/** The only durable record. A write resolves once it is on disk; writes are committed in groups. */
export interface Store extends FunctionStore, MapStore, LeaseStore, RefusalStore, SubmissionStore {
  /** `isNew` is false if an earlier request had the same id. */
  submit(request: NewInvocations): Promise<Submitted>;
  /** Returns the first of `count` ids in a row, which only recordCall() gives to invocations. */
  reserveIds(count: number): Promise<InvocationId>;
  /** All of it at once. Returns false, and changes nothing, if its request is on record. */
  recordCall(call: CallRecord): Promise<boolean>;
  /**
   * The invocations that are not final, in the order of their ids after `afterId`: a restarted
   * daemon continues with them.
   */
  loadLive(afterId: number, limit: number): Promise<readonly LiveInvocation[]>;
  loadRunningAttempts(): Promise<readonly Attempt[]>;
  listInvocations(filter: InvocationFilter): Promise<readonly Invocation[]>;
  /**
   * One part of a list, within bounded time however long the list is: continue after `scannedTo`
   * until it is null. The first part is after 0, or before an id that is too large.
   */
  scanInvocations(filter: ScanFilter, afterId: number): Promise<Scan>;
  listAttempts(invocation: InvocationId): Promise<readonly Attempt[]>;
  /** The input of a call that is about to run; null for a command. */
  inputToRun(invocation: InvocationId): Promise<Payload | null>;
  /** null once it was removed for its age, too. */
  inputOf(invocation: InvocationId): Promise<Payload | null>;
  answerOf(invocation: InvocationId): Promise<CallAnswer | null>;
  /** What a call printed in its last attempt; null if nothing. */
  callLogOf(invocation: InvocationId): Promise<Uint8Array | null>;
  /**
   * What calls of a function printed, in the order in which their ends were recorded; `next` is
   * where to continue, as `after`.
   */
  listLogs(
    filter: LogFilter,
    limit: number,
  ): Promise<{ readonly logs: readonly KeptLog[]; readonly next: number }>;
  /** The number of an array's tasks; 0 if there is no such array. */
  tasksOf(array: InvocationId): Promise<number>;
  /** The answers of the invocations from `first` to `last`, by id. */
  listAnswers(first: number, last: number, limit: number): Promise<readonly KeptAnswer[]>;
  /** How the invocations from `first` to `last` ended, less tasks that nobody tried to run. */
  listEnds(first: number, last: number): Promise<readonly KeptEnd[]>;
  /** Removes answers from before `beforeMs`, with their inputs; returns how many. */
  pruneAnswers(beforeMs: number, limit: number): Promise<number>;

  /** Records the intent before gleanerd sends the order. */
  beginAttempt(attempt: Attempt): Promise<void>;
  /** As beginAttempt(), for the first attempts of tasks that wait as runs: of all or of none. */
  beginTasks(attempt: Omit<Attempt, "invocation">, tasks: readonly InvocationId[]): Promise<void>;
  /** Returns false, and changes nothing, if this attempt is not the running one. */
  endAttempt(result: AttemptResult): Promise<boolean>;
  /**
   * Moves PENDING invocations to CANCELLED (or FAILED), all of them or none, and returns how many
   * were pending.
   */
  endPending(
    invocations: readonly IdRange[],
    state: "CANCELLED" | "FAILED",
    reason: string,
    endedAtMs: number,
  ): Promise<number>;

  /** Called before the folder is created; a second call for an invocation changes nothing. */
  saveCheckpoint(invocation: InvocationId, path: string): Promise<void>;
  forgetCheckpoint(invocation: InvocationId): Promise<void>;
  loadCheckpoints(): Promise<readonly CheckpointRow[]>;

  saveExecutor(row: ExecutorRow): Promise<void>;
  loadExecutors(): Promise<readonly ExecutorRow[]>;
  /** `drain` is null once the node is resumed. */
  setDrained(node: NodeName, drain: Drain | null, atMs: number): Promise<void>;
  loadDrained(): Promise<readonly (Drain & { readonly node: NodeName })[]>;

  /**
   * A later start of the same job (Slurm requeued it) closes the open record of an earlier start.
   */
  saveJobRecords(records: readonly JobRecord[]): Promise<void>;
  /**
   * Closes the open records of all jobs except `stillKnown`, at `endedAtMs` or, if they started
   * later, at their start.
   */
  closeVanishedJobs(stillKnown: readonly JobId[], endedAtMs: number): Promise<void>;
  saveHookEvent(event: HookEvent): Promise<void>;
  saveEviction(eviction: Eviction): Promise<void>;
  saveHolding(holding: Holding): Promise<void>;
  saveNodeSpans(spans: readonly NodeSpan[]): Promise<void>;
  /** Each condition lasts until the next change of its node. */
  saveConditions(changes: readonly ConditionChange[]): Promise<void>;
  /** The state of a learned model, as the model's own JSON. */
  saveLearned(name: string, json: string): Promise<void>;
  loadLearned(name: string): Promise<string | null>;

  /** Invalidates earlier tokens of this uid (of everybody if null). */
  revokeTokens(uid: number | null): Promise<void>;
  /** The number of revocations by uid; the key null stands for everybody. */
  loadTokenEpochs(): Promise<ReadonlyMap<number | null, number>>;
  saveAudit(event: AuditEvent): Promise<void>;
  /** Newest first. */
  listAudit(filter: AuditFilter): Promise<readonly AuditEvent[]>;
  /**
   * Removes events older than `beforeMs`, and the oldest events of users beyond `maxRows`, but
   * keeps operators' actions. Returns the number removed.
   */
  pruneAudit(beforeMs: number, maxRows: number, limit: number): Promise<number>;
  loadUtilization(fromMs: number, toMs: number): Promise<UtilizationInput>;

  /**
   * Removes up to about `limit` rows of each kind that ended before `beforeMs` and returns the
   * number removed: each call is short, and nothing is left once it returns 0. Postings remain as
   * sums by user and day; rows that the ledger check complains about remain.
   */
  prune(beforeMs: number, limit: number): Promise<number>;

  bill(filter: BillFilter): Promise<readonly BillLine[]>;
  /** The uid that last submitted under this name; null if there is none. */
  uidNamed(name: string): Promise<number | null>;
  /** `known` is the head of an earlier check, which the ledger must continue. */
  verifyLedger(known?: LedgerHead): Promise<LedgerCheck>;
  close(): Promise<void>;
}

/** A checkpoint folder, which outlives attempts. */
export interface CheckpointRow {
  readonly invocation: InvocationId;
  readonly owner: Identity;
  readonly path: string;
  /** The node that used it last. */
  readonly node: NodeName | null;
  /** null while its invocation is live. */
  readonly endedAtMs: number | null;
}

/** An operator's order to drain a node. */
export interface Drain {
  readonly by: string;
  /** If true, its functions return to the queue; otherwise they may finish. */
  readonly now: boolean;
}

/** Enough to recognise an executor after a restart. */
export interface ExecutorRow {
  readonly id: ExecutorId;
  readonly node: NodeName;
  /** The node's address (Slurm's NodeAddr) at the time of the launch. */
  readonly address: string;
  readonly placement: Placement;
  readonly state: "live" | "gone";
  readonly startedAtMs: number;
  readonly goneAtMs: number | null;
  readonly goneReason: string | null;
}
