// One invocation that is not final, in memory. Hundreds of thousands may wait: what the tasks of an
// array have in common is stored once, and their records are put together when somebody reads them.

import type { Waiting } from "../../core/placement/queue.js";
import { describeBarrier, type WaitReason } from "../../core/scheduling/eligibility.js";
import { workerKey } from "../../model/call.js";
import type { InvocationId } from "../../model/ids.js";
import {
  type Invocation,
  type Progress,
  type Requested,
  type Schedule,
  type SubmissionDigest,
  type TimeLimits,
  untouched,
  type Where,
} from "../../model/invocation.js";
import { invocationWith } from "../../model/records/invocation.js";

/** What all tasks of an array have in common; an invocation of no array has one of its own. */
export class LiveSubmission {
  requested: Omit<Requested, "id" | "arrayTaskId">;
  /** The user for fair share. */
  readonly user: string;
  /** The kind of worker that a call needs; null for a command. */
  readonly workerKey: string | null;
  /** How many such calls may share a worker. */
  readonly seats: number;
  /** What keeps tasks back beside the lack of a place; null: nothing ever. */
  schedule: Schedule | null;
  /** null: its time limit did not change while something of it ran. */
  changedLimits: TimeLimits | null;
  /** Why those that are deferred do not start yet. */
  barrier: WaitReason | null = null;

  constructor(
    { arrayJobId, owner, name, cores, memoryMb, gpus, timeLimitMs, submittedAtMs }: Invocation,
    readonly digest: SubmissionDigest,
  ) {
    const amounts = { cores, memoryMb, gpus, timeLimitMs };
    this.requested = { arrayJobId, owner, name, ...amounts, submittedAtMs };
    this.user = String(owner.uid);
    this.schedule = digest.schedule ?? null;
    this.changedLimits = digest.timeLimits ?? null;
    const { version } = digest;
    const kind = version === null ? null : { uid: owner.uid, version, cores, memoryMb, gpus };
    this.workerKey = kind === null ? null : workerKey(kind);
    this.seats = digest.seats ?? 1;
  }
}

/**
 * It is what waits in the queue: ranMs and isRetried, by which the queue groups, change only while
 * it runs.
 */
export class Live implements Waiting {
  /**
   * Why it is to end while it runs, such as `cancelled by ada`: if the attempt ends without a
   * result, it is not tried again. null if nobody wants that.
   */
  endReason: string | null = null;
  /** The owner wants its running attempt ended and another one made. */
  requeueRequested = false;
  /** Attempts lost in a row, each with its executor. */
  lostAttempts = 0;
  /** Attempts in which code of its user ended its worker. */
  interruptions = 0;
  /**
   * How long its longest attempt ran before it was evicted, which it must exceed. 0 if that says
   * nothing about the rest.
   */
  ranMs = 0;
  /** Its schedule does not let it start yet. */
  isDeferred = false;
  /** Its last attempt could not start, and it will be tried on another node. */
  isRetried = false;

  constructor(
    readonly id: InvocationId,
    readonly arrayTaskId: number | null,
    private progress: Progress,
    readonly submission: LiveSubmission,
  ) {}

  get invocation(): Invocation {
    const { id, arrayTaskId } = this;
    const invocation = invocationWith(
      { id, arrayTaskId, ...this.submission.requested },
      this.progress,
    );
    const { barrier, schedule } = this.submission;
    if (!this.isDeferred || schedule === null) return invocation;
    const isHeld = arrayTaskId !== null && schedule.heldTasks?.includes(arrayTaskId);
    const found = isHeld ? "JobHeldUser" : barrier;
    return found === null
      ? invocation
      : { ...invocation, reason: describeBarrier(found, schedule) };
  }

  change(progress: Partial<Progress>): void {
    this.progress = { ...this.progress, ...progress };
  }

  /** Its executor is told to end the running attempt. */
  get isToldToEnd(): boolean {
    return this.endReason !== null || this.requeueRequested;
  }

  /** The running attempt is told to end so that another one follows. */
  get isRequeued(): boolean {
    return this.requeueRequested && this.endReason === null;
  }

  get digest(): SubmissionDigest {
    return this.submission.digest;
  }

  get state(): Progress["state"] {
    return this.progress.state;
  }

  get attempt(): number {
    return this.progress.attempt;
  }

  get owner(): Requested["owner"] {
    return this.submission.requested.owner;
  }

  get name(): string {
    return this.submission.requested.name;
  }

  /** What is live has not ended. */
  get endedAtMs(): null {
    return null;
  }

  get arrayJobId(): InvocationId | null {
    return this.submission.requested.arrayJobId;
  }

  get user(): string {
    return this.submission.user;
  }

  get cores(): number {
    return this.submission.requested.cores;
  }

  get memoryMb(): number {
    return this.submission.requested.memoryMb;
  }

  get gpus(): number {
    return this.submission.requested.gpus;
  }

  get timeLimitMs(): number {
    return this.submission.requested.timeLimitMs;
  }

  /** Those that its running attempt may go by. */
  get timeLimits(): TimeLimits {
    const { changedLimits, requested } = this.submission;
    return changedLimits ?? { leastMs: requested.timeLimitMs, mostMs: requested.timeLimitMs };
  }

  get submittedAtMs(): number {
    return this.submission.requested.submittedAtMs;
  }

  get workerKey(): string | null {
    return this.submission.workerKey;
  }

  get seats(): number {
    return this.submission.seats;
  }

  get where(): Where | undefined {
    return this.submission.digest.where;
  }

  get functionKey(): string {
    return this.submission.digest.functionKey;
  }
}

export function progressOf(invocation: Invocation): Progress {
  const { state, startedAtMs, endedAtMs, attempt, exitCode, signal, reason, node } = invocation;
  const { wallMs, cpuMs, maxRssMb } = invocation;
  if (state === "PENDING" && attempt === 0 && reason === null) return untouched;
  const measured = { wallMs, cpuMs, maxRssMb };
  return { state, startedAtMs, endedAtMs, attempt, exitCode, signal, reason, node, ...measured };
}

/**
 * Records an eviction of one of its attempts, `afterMs` after its start. An invocation that saved
 * its state continues from there, and a lease serves as long as it may: nobody knows how long the
 * rest takes.
 */
export function wasEvicted(live: Live, afterMs: number): void {
  const { checkpointIn, lease } = live.digest;
  if (checkpointIn === null && lease === undefined) live.ranMs = Math.max(live.ranMs, afterMs);
}
