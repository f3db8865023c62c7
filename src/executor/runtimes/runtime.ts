// The port of runtimes: gives an attempt its place on the node, starts its code there, asks it to
// end, and reports its end.

import type { CallAnswer, CallPhases } from "../../model/call.js";
import type { LeaseUsage } from "../../model/functions/lease.js";
import type { StartFailure } from "../../model/invocation.js";
import type { Resources } from "../../model/resources.js";
import type { AttemptOrder } from "../../wire/messages.js";
import type { AttemptGroup } from "../containment/containment.js";

export interface Runtime {
  /** Whether it keeps processes beside those of attempts. */
  readonly hasIdle: boolean;
  /**
   * Takes a place for an attempt that fits into `free`: a new group, or that of a warm worker.
   * Throws if the node cannot create one.
   */
  prepare(order: AttemptOrder, free: Resources): Place;
  /**
   * Ends what it keeps beside attempts, as far as that does not fit into `free`, and freezes the
   * rest; resolves once it is gone.
   */
  yieldTo(free: Resources): Promise<void>;
}

export interface Place {
  readonly group: AttemptGroup;
  readonly gpus: readonly number[];
  /** Called once. Never throws: a failed start is reported as an end. */
  start(events: RunEvents): RunHandle;
  /** What it printed, where that goes into no file; null if nothing. */
  log(): Uint8Array | null;
  /** The start of its worker; null if there was none. */
  phases(): CallPhases | null;
  /** What its worker said of itself; null unless it is a lease. */
  lease(): LeaseUsage | null;
  /** The attempt is gone; `isHung`: its processes hang in the kernel, and so does the group. */
  release(isHung: boolean): void;
}

/** How a process under glean-spawn ended; times are CLOCK_MONOTONIC. */
export type ProcessEnd =
  | {
      readonly kind: "ended";
      readonly exitCode: number;
      /** 0 if it exited. */
      readonly signal: number;
      /**
       * When its process was created: from then on it holds its cores, though it may wait for files
       * before it runs.
       */
      readonly startNs: bigint;
      readonly endNs: bigint;
      readonly cpuMs: number;
      readonly maxRssMb: number;
      readonly oomKills: number;
      /** The limit of processes and threads for which the run was killed. */
      readonly brokenProcessLimit: number | null;
    }
  /** The command never started. */
  | ({
      readonly kind: "failed";
      readonly message: string;
      /** How long it held its cores. */
      readonly heldMs: number;
    } & StartFailure)
  /**
   * The runtime's own process was killed: the command's result is unknown, and it no longer runs.
   */
  | { readonly kind: "vanished"; readonly message: string };

/** What a worker used for a call or a lease. */
export interface WorkUsage {
  /** When it began to hold its cores. */
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly cpuMs: number;
  readonly maxRssMb: number;
  /** The kernel's kills of its processes for their memory. */
  readonly oomKills: number;
}

/** How an attempt's run ended. */
export type RunEnd =
  | ProcessEnd
  /** A worker answered the call, and lives on. */
  | ({ readonly kind: "answered"; readonly answer: CallAnswer } & WorkUsage)
  /** Its input or its result could not be carried: it does not run again. */
  | ({ readonly kind: "unanswered"; readonly message: string } & WorkUsage)
  /** A worker served the clients of a lease, and lives on; `reason`: the node itself ended it. */
  | ({ readonly kind: "served"; readonly reason: string | null } & WorkUsage)
  /** Nothing ran, and nobody is to blame: it may run elsewhere. */
  | { readonly kind: "withdrawn"; readonly message: string };

export interface RunHandle {
  /** Sends SIGTERM to the command's processes. */
  terminate(): void;
  /** Sends the signal that its order specifies. */
  notify(): void;
  /** Sends SIGKILL to the whole tree. */
  kill(): void;
  /** All groups were killed with one write: what the tree still says before it is gone is void. */
  wasKilled?(): void;
}

/** `ProcessEvents` are glean-spawn's own. */
export type RunEvents = Events<RunEnd>;
export type ProcessEvents = Events<ProcessEnd>;

interface Events<End> {
  /** `pid`: the process that is the attempt's own, or its worker. */
  onStarted(pid: number): void;
  /**
   * Called once; no process of the attempt is left, except after `vanished`, where the group must
   * be checked.
   */
  onEnd(end: End): void;
}
