// The messages between daemon and executor, and their limits. Framing and handshake are in
// connection.ts.

import type { CallAnswer, CallPhases } from "../model/call.js";
import type { PressureReport } from "../model/capacity/pressure.js";
import type { UnkillableReport } from "../model/capacity/unkillable.js";
import type { LeaseUsage } from "../model/functions/lease.js";
import type { InvocationId, JobId, VersionId } from "../model/ids.js";
import type { AttemptEnd } from "../model/invocation.js";
import type { StartFailure } from "../model/records/start-failure.js";
import type { Resources } from "../model/resources.js";
import type { AttemptKey } from "./attempt-key.js";
import type {
  AheadEndedMessage,
  MessageOfWorkers,
  MessageToWorkers,
  WarmWorkers,
} from "./calls.js";
import type { AttemptOrder, CheckpointOrder, StartRunMessage } from "./orders.js";

export type { AttemptKey } from "./attempt-key.js";
export type {
  AttachedCommand,
  AttemptOrder,
  CallAttemptOrder,
  CheckpointOrder,
  RunClient,
} from "./orders.js";

/**
 * Raised whenever an older peer could misread a newer one; the handshake rejects other versions.
 */
export const protocolVersion = 4;

/**
 * A frame holds at most one script (4 MiB, sbatch's limit) and one environment beside its header.
 */
export const maxFrameBytes = 8 * 1024 * 1024;

/** Messages that share a frame: what one turn of the event loop sends, as far as it is short. */
export const maxFrameMessages = 256;

/** The longest executor message lists unrecorded reports (executor/connection/outbox.ts). */
export const maxReportBytes = 2 * 1024 * 1024;

/** How an attempt ended on its node. Times are whole milliseconds of the node's monotonic clock. */
export interface AttemptReport extends AttemptKey {
  readonly end: AttemptEnd;
  readonly exitCode: number | null;
  readonly signal: number | null;
  /** From the start of the command to its end; 0 if it never started. */
  readonly wallMs: number;
  /**
   * From the end of the task in whose place it began, in microseconds: learned from, never billed.
   * Omitted if it followed none.
   */
  readonly paceUs?: number | undefined;
  /**
   * Its part of that time, for which it pays, if other calls ran in its worker meanwhile; omitted
   * if it ran alone.
   */
  readonly shareMs?: number | undefined;
  readonly cpuMs: number;
  readonly maxRssMb: number;
  /**
   * One sentence if there is something to say (the directory is missing, the job that evicted it
   * …).
   */
  readonly reason: string | null;
  /**
   * It FAILED because code of its user ended its worker, through no fault of its own: it is billed,
   * and runs again.
   */
  readonly isInterrupted?: boolean | undefined;
  /** Where its start failed; omitted if it started or was ended before. */
  readonly startFailure?: StartFailure | undefined;
  /** What a worker answered; omitted for a command, and for a call without an answer. */
  readonly answer?: CallAnswer | undefined;
  /** What a call printed, as far as it was kept; omitted if nothing, and for a command. */
  readonly log?: Uint8Array | undefined;
  /** Omitted unless it is a call that found no warm worker; shown to people, never billed. */
  readonly phases?: CallPhases | undefined;
  /** What a leased worker said of itself; shown to people, never billed. */
  readonly lease?: LeaseUsage | undefined;
  /** The age of the end when this frame was written: the two clocks may differ. */
  readonly agoMs: number;
}

/**
 * How precisely the prolog's figures determine a job's share of a node: see
 * executor/budget/budget.ts.
 */
export interface SiteFacts {
  readonly memoryIsConsumable: boolean;
  /** The most memory per CPU that a job can have on this node; null if it may have all. */
  readonly maxMemoryPerCoreMb: number | null;
  /** The most CPUs that a job can have per CPU reported to its prolog; null if it may have all. */
  readonly maxCpusPerToldCpu: number | null;
  readonly jobsArePinned: boolean;
  /** The node's CPUs that jobs may use. */
  readonly totalCores: number;
  /** A prolog is told only some of the GPUs of its job; if omitted, all. */
  readonly gpusAreToldInPart?: boolean | undefined;
}

/**
 * A budget as the daemon sees it, with the basis of its view (executor/budget/budget.ts says why).
 */
export interface BudgetOrder {
  readonly budget: Resources;
  /**
   * The highest hook sequence number received from this executor before the daemon read the node.
   */
  readonly seenHookSequence: number;
  /** The jobs in the queue read before it; only at a launch, later orders have the number. */
  readonly knownJobs: readonly JobId[];
  /**
   * The budget is what an exclusive job, which has the whole node, did not ask for; only at a
   * launch.
   */
  readonly isUnderExclusive?: boolean | undefined;
  /** As Slurm has them now; if omitted, as they were at the launch. */
  readonly facts?: SiteFacts | undefined;
}

/** A signal for an attempt, as scancel sends it: to its steps, its script alone, or both. */
export interface SignalOrder {
  /** 1 to 64. */
  readonly signal: number;
  readonly to: "steps" | "script" | "all";
}

export type DaemonMessage =
  | ({ readonly type: "budget" } & BudgetOrder)
  | { readonly type: "start"; readonly order: AttemptOrder }
  | StartRunMessage
  /** Ends an attempt; with `isRequeue` because its invocation is to run again. */
  | { readonly type: "cancel"; readonly key: AttemptKey; readonly isRequeue?: boolean | undefined }
  /**
   * Its time limit changed; it counts from where it counted before. Repeated after each `ready`.
   */
  | { readonly type: "limit"; readonly key: AttemptKey; readonly timeLimitMs: number }
  /** Sends a signal to what runs, and leaves it at that. */
  | ({ readonly type: "signal"; readonly key: AttemptKey } & SignalOrder)
  /** The report of this attempt is durable, so the executor may forget it. */
  | { readonly type: "recorded"; readonly key: AttemptKey }
  /** Marks of jobs that slurmctld no longer knows. */
  | { readonly type: "forgetJobs"; readonly jobs: readonly JobId[] }
  /** Take no new work, finish the present work, then leave. */
  | { readonly type: "drain"; readonly reason: string }
  /**
   * Kill the workers and leave now; their attempts end EVICTED. With `graceMs`, which is for
   * departures that no job waits for, functions that requested a notice get it and at most that
   * time.
   */
  | { readonly type: "stop"; readonly reason: string; readonly graceMs?: number | undefined }
  /**
   * When the node is expected to be needed; null cancels that expectation. Functions that requested
   * a notice get it in time.
   */
  | { readonly type: "foresee"; readonly inMs: number | null; readonly reason: string }
  | { readonly type: "removeCheckpoint"; readonly order: CheckpointOrder }
  | MessageToWorkers
  /** The workers to keep warm, however long they are idle; all others leave in time. */
  | { readonly type: "keepWarm"; readonly workers: readonly WarmWorkers[] }
  /**
   * A call like this is expected: a worker is started for it, if nothing has to go for that; with
   * `isSpare`, which older executors do not know, no code is loaded, for it may be of any function.
   */
  | {
      readonly type: "startAhead";
      readonly order: AttemptOrder;
      readonly isSpare?: boolean | undefined;
    }
  /**
   * Both sides send beats (connection.ts does it), so that each notices when the other's machine is
   * gone.
   */
  | { readonly type: "beat" };

export type ExecutorMessage =
  /** Sent first after each handshake: everything the daemon needs to adopt a running executor. */
  | {
      readonly type: "ready";
      readonly pid: number;
      readonly hostName: string;
      readonly containment: "cgroup2" | "cgroup1" | "processGroup";
      /** null if the hook answered the probe; else one sentence why not (then no function runs). */
      readonly hookProblem: string | null;
      readonly budget: Resources;
      /** The running attempts, and those whose reports are not recorded yet. */
      readonly answersFor: readonly AttemptKey[];
      readonly markedJobs: readonly JobId[];
      readonly hookSequence: number;
      /** Why it takes no new work and leaves once its work is done; if omitted, it serves. */
      readonly leaving?: string | undefined;
      /** It leaves because its node has no memory left; omitted if not. */
      readonly nodeIsFull?: boolean | undefined;
      /** It knows `startRun`; omitted by older ones. */
      readonly takesRuns?: boolean | undefined;
    }
  /** The effective budget changed (after a budget order, or because a job came). */
  | { readonly type: "budget"; readonly budget: Resources }
  | { readonly type: "started"; readonly key: AttemptKey; readonly agoMs: number }
  /** `voucher` is that of its order, on another connection than the order's. */
  | {
      readonly type: "ended";
      readonly report: AttemptReport;
      readonly voucher?: Uint8Array | undefined;
    }
  /** A job's prolog received its answer. */
  | {
      readonly type: "jobBegan";
      readonly sequence: number;
      readonly job: JobId;
      readonly cores: number;
      readonly gpus: readonly number[];
      /** From the start of the hook to the answer. */
      readonly tookMs: number;
      readonly evicted: readonly AttemptKey[];
      readonly lostCoreMs: number;
      readonly agoMs: number;
    }
  | {
      readonly type: "jobEnded";
      readonly sequence: number;
      readonly job: JobId;
      readonly agoMs: number;
    }
  /** The hook got no answer from an earlier executor of this node and killed it itself. */
  | {
      readonly type: "hookKilled";
      readonly job: JobId;
      readonly tookMs: number;
      /**
       * Function processes not known to be gone when the prolog ended; null if they could not be
       * counted.
       */
      readonly left: number | null;
      readonly agoMs: number;
    }
  /**
   * The set of processes that hang in the node's kernel changed; also sent after each `ready` if
   * there are any.
   */
  | { readonly type: "unkillable"; readonly report: UnkillableReport }
  /** `problem` is null if the folder no longer exists. */
  | {
      readonly type: "checkpointRemoved";
      readonly invocation: InvocationId;
      readonly problem: string | null;
    }
  /** The code of a call that it was ordered to run is not in the node's cache. */
  | { readonly type: "fetchBundle"; readonly version: VersionId }
  | MessageOfWorkers
  /** The idle workers, whenever they change and after each `ready`: all of them. */
  | { readonly type: "warm"; readonly workers: readonly WarmWorkers[] }
  | AheadEndedMessage
  /** Functions get none of the node's GPUs, because the device file of each GPU is unknown. */
  | { readonly type: "gpusUnused"; readonly reason: string }
  /**
   * Pressure exceeded a limit while functions ran beside batch jobs; sent once per interval while
   * it does.
   */
  | { readonly type: "pressure"; readonly report: PressureReport }
  /**
   * Slurm takes back the pilot's resources. A single message, because there is no time for more:
   * attempts that it omits are evicted, too.
   */
  | {
      readonly type: "preempted";
      readonly job: JobId;
      readonly lostCoreMs: number;
      readonly evicted: readonly AttemptReport[];
    }
  | { readonly type: "beat" }
  /** It gives back every order from now on; `leaving` follows once its reports are recorded. */
  | {
      readonly type: "departing";
      readonly reason: string;
      /** The kernel killed a function for want of memory, within its own limit; omitted if not. */
      readonly nodeIsFull?: boolean | undefined;
    }
  | { readonly type: "leaving"; readonly reason: string };

/**
 * Both sides send a beat this often; a side that receives nothing for `silenceMs` considers the
 * connection dead.
 */
export const beatMs = 2_000;
/** Five beats: a node under memory pressure may skip a few. */
export const silenceMs = 10_000;
