// The port to the database: all that the daemon's loops know of it.

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
import type { BillLine, LedgerCheck, Posting } from "../../model/records/account.js";
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

/** A submission as it is recorded: one row per task. */
export interface NewInvocations {
  /** Chosen by the client: the same request sent twice is recorded once. */
  readonly requestId: string;
  readonly owner: Identity;
  readonly submission: Submission;
  readonly submittedAtMs: number;
}

/** A live invocation with what the daemon needs to know of its submission before it runs. */
export interface LiveInvocation {
  readonly invocation: Invocation;
  readonly digest: SubmissionDigest;
  /** For how long its longest attempt ran that was evicted; left out when it is new. */
  readonly ranMs?: number;
}

export interface AttemptResult {
  readonly invocation: InvocationId;
  readonly attempt: number;
  readonly end: AttemptEnd;
  readonly exitCode: number | null;
  readonly signal: number | null;
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly maxRssMb: number;
  readonly reason: string | null;
  readonly endedAtMs: number;
  /** The state the invocation goes to: PENDING after EVICTED, LOST or a failed start, else the end itself. */
  readonly next: InvocationState;
  /** null when the end is not billed. */
  readonly posting: Posting | null;
}

export interface InvocationFilter {
  /** The owner; left out: all. */
  readonly uid?: number;
  readonly ids?: readonly InvocationId[];
  readonly arrayJobId?: InvocationId;
  readonly arrayTaskId?: number;
  readonly states?: readonly InvocationState[];
  readonly sinceMs?: number;
  readonly limit: number;
}

/** Left out: all. `arrayJobId`: the tasks of that array. */
export type ScanFilter = Pick<
  InvocationFilter,
  "uid" | "arrayJobId" | "arrayTaskId" | "states" | "sinceMs"
>;

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

/** The one durable record. Every write resolves only when it is on disk; writes are committed in groups. */
export interface Store {
  submit(request: NewInvocations): Promise<readonly Invocation[]>;
  /** What is not final, in the order of the ids after `afterId`: what a restarted daemon goes on with. */
  loadLive(afterId: number, limit: number): Promise<readonly LiveInvocation[]>;
  loadRunningAttempts(): Promise<readonly Attempt[]>;
  listInvocations(filter: InvocationFilter): Promise<readonly Invocation[]>;
  /** A piece of a list, in bounded time whatever there is: go on after `scannedTo`, until it is null. */
  scanInvocations(filter: ScanFilter, afterId: number): Promise<Scan>;
  listAttempts(invocation: InvocationId): Promise<readonly Attempt[]>;
  submissionOf(invocation: InvocationId): Promise<Submission | null>;
  /** By the submission's own id, for an order that is about to be sent: it waits behind no list. */
  submissionToRun(submission: InvocationId): Promise<Submission | null>;

  /** Records the intent before the order is sent. */
  beginAttempt(attempt: Attempt): Promise<void>;
  /** false: stale, this attempt is not the running one; nothing was changed. */
  endAttempt(result: AttemptResult): Promise<boolean>;
  /** PENDING invocations to CANCELLED (or FAILED), all of them or none; returns how many were pending. */
  endPending(
    invocations: readonly InvocationId[],
    state: "CANCELLED" | "FAILED",
    reason: string,
    endedAtMs: number,
  ): Promise<number>;

  /** Before the folder is made; a second call for an invocation changes nothing. */
  saveCheckpoint(invocation: InvocationId, path: string): Promise<void>;
  forgetCheckpoint(invocation: InvocationId): Promise<void>;
  loadCheckpoints(): Promise<readonly CheckpointRow[]>;

  saveExecutor(row: ExecutorRow): Promise<void>;
  loadExecutors(): Promise<readonly ExecutorRow[]>;
  /** null: it is resumed. */
  setDrained(node: NodeName, drain: Drain | null, atMs: number): Promise<void>;
  loadDrained(): Promise<readonly (Drain & { readonly node: NodeName })[]>;

  /** A later start of the same job (Slurm requeued it) ends the record of an earlier one that is still open. */
  saveJobRecords(records: readonly JobRecord[]): Promise<void>;
  /** Ends the open records of all jobs but those `stillKnown`, at `endedAtMs` or, when they started later, at their start. */
  closeVanishedJobs(stillKnown: readonly JobId[], endedAtMs: number): Promise<void>;
  saveHookEvent(event: HookEvent): Promise<void>;
  saveEviction(eviction: Eviction): Promise<void>;
  saveHolding(holding: Holding): Promise<void>;
  saveNodeSpans(spans: readonly NodeSpan[]): Promise<void>;
  /** Each lasts until the next change of its node. */
  saveConditions(changes: readonly ConditionChange[]): Promise<void>;
  /** What a model learned, as its own JSON. */
  saveLearned(name: string, json: string): Promise<void>;
  loadLearned(name: string): Promise<string | null>;

  /** Tokens of this uid (null: of everybody) that were issued before are void. */
  revokeTokens(uid: number | null): Promise<void>;
  /** How often they were revoked, by uid; null: everybody's. */
  loadTokenEpochs(): Promise<ReadonlyMap<number | null, number>>;
  saveAudit(event: AuditEvent): Promise<void>;
  /** The newest first. */
  listAudit(filter: AuditFilter): Promise<readonly AuditEvent[]>;
  /** Removes what is older than `beforeMs`, and users' oldest above `maxRows`; operators' acts stay. Returns how many. */
  pruneAudit(beforeMs: number, maxRows: number, limit: number): Promise<number>;
  loadUtilization(fromMs: number, toMs: number): Promise<UtilizationInput>;

  /**
   * Removes up to about `limit` rows of each kind that ended before `beforeMs`, and returns how many: a call is short, and
   * nothing is left when one removes none. Postings stay as sums by user and day; what the ledger's check complains of stays.
   */
  prune(beforeMs: number, limit: number): Promise<number>;

  bill(filter: BillFilter): Promise<readonly BillLine[]>;
  /** Who submitted under this name last; null: nobody. */
  uidNamed(name: string): Promise<number | null>;
  verifyLedger(): Promise<LedgerCheck>;
  close(): Promise<void>;
}

/** A folder that outlives attempts. */
export interface CheckpointRow {
  readonly invocation: InvocationId;
  readonly owner: Identity;
  readonly path: string;
  /** Where it was used last. */
  readonly node: NodeName | null;
  /** null: its invocation is live. */
  readonly endedAtMs: number | null;
}

/** What an operator wants of a node. */
export interface Drain {
  readonly by: string;
  /** What runs there goes back to the queue; else it may end. */
  readonly now: boolean;
}

/** Enough to know an executor again after a restart. */
export interface ExecutorRow {
  readonly id: ExecutorId;
  readonly node: NodeName;
  /** Where the node was reached (Slurm's NodeAddr) when it was launched. */
  readonly address: string;
  readonly placement: Placement;
  readonly state: "live" | "gone";
  readonly startedAtMs: number;
  readonly goneAtMs: number | null;
  readonly goneReason: string | null;
}
