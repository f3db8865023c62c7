// What daemon and executor say to each other, and the limits on it. Framing and handshake are in connection.ts.

import type { PressureLimits, PressureReport } from "../model/capacity/pressure.js";
import type { UnkillableReport } from "../model/capacity/unkillable.js";
import type { ExecutorId, InvocationId, JobId, NodeName } from "../model/ids.js";
import type { AttemptEnd, Notice, StartFailure } from "../model/invocation.js";
import type { Resources } from "../model/resources.js";
import type { Isolation } from "./isolation.js";

/** Raised when an older peer could misread a newer one; the handshake refuses another version. */
export const protocolVersion = 2;

/** A frame holds at most one script (4 MiB, as sbatch allows) and one environment beside its header. */
export const maxFrameBytes = 8 * 1024 * 1024;

/** What an executor says is small: the longest lists the reports that a daemon has not recorded (executor/connection/outbox.ts). */
export const maxReportBytes = 2 * 1024 * 1024;

/** Of listen.tls.ca: a few certificates, not the whole world's. */
export const maxAuthorityBytes = 64 * 1024;

/** An attempt as both sides name it. */
export interface AttemptKey {
  readonly invocation: InvocationId;
  readonly attempt: number;
}

/** Everything an executor needs to run one attempt. Paths and environment are final: patterns are filled in by the daemon. */
export interface AttemptOrder extends AttemptKey {
  readonly uid: number;
  readonly gid: number;
  readonly user: string;
  readonly cores: number;
  readonly memoryMb: number;
  /** How many; which ones the executor chooses. */
  readonly gpus: number;
  readonly timeLimitMs: number;
  readonly workingDirectory: string;
  readonly stdoutPath: string;
  /** Equal to stdoutPath: one file for both. */
  readonly stderrPath: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly command:
    | { readonly kind: "script"; readonly body: string; readonly args: readonly string[] }
    | { readonly kind: "argv"; readonly argv: readonly string[] };
  /** null: it asked for none. */
  readonly notice: Notice | null;
  /** Made as the user when it is missing, and left when the attempt ends; null: it asked for none. */
  readonly checkpointDirectory: string | null;
}

/** A folder of an invocation that has ended; removed as its owner. */
export interface CheckpointOrder {
  readonly invocation: InvocationId;
  readonly uid: number;
  readonly gid: number;
  readonly user: string;
  readonly path: string;
}

/** How an attempt ended on its node. Times are whole milliseconds of the node's monotonic clock. */
export interface AttemptReport extends AttemptKey {
  readonly end: AttemptEnd;
  readonly exitCode: number | null;
  readonly signal: number | null;
  /** From the start of the command to its end; 0 when it never started. */
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly maxRssMb: number;
  /** One sentence when there is something to say (the directory is missing, the job that evicted it …). */
  readonly reason: string | null;
  /** Where its start failed; left out: it started, or was ended before. */
  readonly startFailure?: StartFailure | undefined;
  /** How long ago the command ended, when this frame was written: lets the daemon label it with its own clock. */
  readonly agoMs: number;
}

/** How far a job's share of a node can be told from what its prolog says: see executor/budget/budget.ts. */
export interface SiteFacts {
  readonly memoryIsConsumable: boolean;
  /** The most memory a job can have for each of its CPUs on this node; null: it may have all. */
  readonly maxMemoryPerCoreMb: number | null;
  /** The most CPUs a job can have for each one its prolog is told of; null: it may have all. */
  readonly maxCpusPerToldCpu: number | null;
  readonly jobsArePinned: boolean;
  /** CPUs of the node that jobs may have. */
  readonly totalCores: number;
}

/** A budget as the daemon sees it, with what the view was based on (see executor/budget/budget.ts for why). */
export interface BudgetOrder {
  readonly budget: Resources;
  /** The highest hook sequence number received from this executor before the node read was sent. */
  readonly seenHookSequence: number;
  /** Jobs that the queue read before it showed on this node: only a launch names them, later orders have the number. */
  readonly knownJobs: readonly JobId[];
  /** The budget is what an exclusive job, which has all of the node, did not ask for; only at a launch. */
  readonly isUnderExclusive?: boolean | undefined;
  /** As Slurm has them now; if omitted, as they were at the launch. */
  readonly facts?: SiteFacts | undefined;
}

export type DaemonMessage =
  | ({ readonly type: "budget" } & BudgetOrder)
  | { readonly type: "start"; readonly order: AttemptOrder }
  | { readonly type: "cancel"; readonly key: AttemptKey }
  /** The report of this attempt is durable: forget it. */
  | { readonly type: "recorded"; readonly key: AttemptKey }
  /** Marks of jobs that slurmctld no longer knows. */
  | { readonly type: "forgetJobs"; readonly jobs: readonly JobId[] }
  /** Take no new work, finish the old, then leave. */
  | { readonly type: "drain"; readonly reason: string }
  /**
   * Kill the workers and leave now; their attempts end EVICTED. With `graceMs` those that asked for a notice get it, and so
   * long at most: where no job waits.
   */
  | { readonly type: "stop"; readonly reason: string; readonly graceMs?: number | undefined }
  /** When the node is expected to be needed; null: that is off. Who asked for a notice gets it in time. */
  | { readonly type: "foresee"; readonly inMs: number | null; readonly reason: string }
  | { readonly type: "removeCheckpoint"; readonly order: CheckpointOrder }
  /** Both sides beat (connection.ts does it), so that each notices when the other's machine is gone. */
  | { readonly type: "beat" };

export type ExecutorMessage =
  /** First after each handshake: everything the daemon needs to adopt a running executor. */
  | {
      readonly type: "ready";
      readonly pid: number;
      readonly hostName: string;
      readonly containment: "cgroup2" | "cgroup1" | "processGroup";
      /** null: the hook answered the probe; else one sentence why not (then no function is run). */
      readonly hookProblem: string | null;
      readonly budget: Resources;
      /** Those that run, and those whose reports were not recorded yet. */
      readonly answersFor: readonly AttemptKey[];
      readonly markedJobs: readonly JobId[];
      readonly hookSequence: number;
    }
  /** The effective budget changed (after a budget order, or because a job came). */
  | { readonly type: "budget"; readonly budget: Resources }
  | { readonly type: "started"; readonly key: AttemptKey; readonly agoMs: number }
  | { readonly type: "ended"; readonly report: AttemptReport }
  /** A job's prolog was answered. */
  | {
      readonly type: "jobBegan";
      readonly sequence: number;
      readonly job: JobId;
      readonly cores: number;
      readonly gpus: readonly number[];
      /** From the hook's start to the answer. */
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
      /** Processes of functions that were not seen to be gone when the prolog ended; null: nobody could count them. */
      readonly left: number | null;
      readonly agoMs: number;
    }
  /** What hangs in the node's kernel changed; after each `ready` when there is anything. */
  | { readonly type: "unkillable"; readonly report: UnkillableReport }
  /** `problem` null: the folder is not there any more. */
  | {
      readonly type: "checkpointRemoved";
      readonly invocation: InvocationId;
      readonly problem: string | null;
    }
  /** None of the node's GPUs is given to functions, since the node does not prove which is which. */
  | { readonly type: "gpusUnused"; readonly reason: string }
  /** Above a limit while functions ran beside batch jobs; once an interval for as long as it is. */
  | { readonly type: "pressure"; readonly report: PressureReport }
  /** Slurm takes back what the pilot holds. One message, since there is no time for more: what it leaves out is evicted, too. */
  | {
      readonly type: "preempted";
      readonly job: JobId;
      readonly lostCoreMs: number;
      readonly evicted: readonly AttemptReport[];
    }
  | { readonly type: "beat" }
  | { readonly type: "leaving"; readonly reason: string };

export interface PluginOrder {
  readonly file: string;
  readonly stack: string;
}

/** For an executor that is a job of Slurm's. */
export interface PilotOrder {
  /** It leaves when it had no work for so long. */
  readonly idleMs: number;
}

/** What the launcher hands to `glean-executor` on standard input, as one line of JSON. */
export interface LaunchSpec extends SiteFacts {
  readonly executor: ExecutorId;
  readonly node: NodeName;
  readonly daemonHost: string;
  readonly daemonPort: number;
  /** Whom to believe, in PEM, when the connection is encrypted; left out: it is not. */
  readonly daemonCa?: string | undefined;
  /** Hex; proves each side to the other, never travels after the launch. */
  readonly secret: string;
  readonly runDirectory: string;
  readonly logFile: string;
  /** Programs on the node. */
  readonly spawnProgram: string;
  readonly hookProgram: string;
  /** The hook is this SPANK plugin, listed in the file `stack`; null: it is the program. */
  readonly plugin: PluginOrder | null;
  readonly budget: BudgetOrder;
  /** Where this node's slurmd keeps how it numbers the machine's CPUs; null: nowhere, as hwloc does. */
  readonly topologyFolder: string | null;
  /** This node's SlurmdSpoolDir, where steps of jobs show; null: Slurm does not tell. */
  readonly spoolFolder: string | null;
  /** CPUs that Slurm counts on this node, specialised ones too. */
  readonly cpuTotal: number;
  /** Whole GPUs that Slurm counts on this node. */
  readonly gpuTotal: number;
  /** What GPU files are called before their number; null: functions are kept from none. */
  readonly gpuDevices: string | null;
  /** SIGTERM to SIGKILL at a time limit or cancel. */
  readonly killWaitMs: number;
  readonly isolation: Isolation;
  /** Without a daemon for this long, workers are killed and the executor leaves. */
  readonly orphanMs: number;
  /** What pressure to report; null: none. */
  readonly pressure: PressureLimits | null;
  /** Without a hook, in the job's own allocation; null: placed beside Slurm's books. */
  readonly pilot: PilotOrder | null;
}

/** Both sides send a beat this often; who heard nothing for `silenceMs` takes the connection for dead. */
export const beatMs = 2_000;
/** Five beats: a node under memory pressure may skip a few. */
export const silenceMs = 10_000;
