// The port of runtimes: gives an attempt its place on the node, starts its code there, asks it to
// end, and reports its end.

import type { CallAnswer, CallPhases } from "../../model/call.js";
import type { LeaseUsage } from "../../model/functions/lease.js";
import type { StartFailure } from "../../model/records/start-failure.js";
import type { Resources } from "../../model/resources.js";
import type { AttemptOrder } from "../../wire/messages.js";
import type { AttemptGroup } from "../containment/containment.js";

export interface Runtime {
  /** Whether it keeps processes beside those of attempts. */
  readonly hasIdle: boolean;
  /**
   * Whether the worker whose place it is to share has a seat for it, beside the calls in it; null:
   * it needs a place of its own.
   */
  seatFor(order: AttemptOrder): "free" | "taken" | null;
  /**
   * Takes a place for an attempt that fits into `free`, or has a free seat: a new group, or that of
   * a warm worker. Attempts that share a worker have the same group.
   * Throws if the node cannot create one.
   */
  prepare(order: AttemptOrder, free: Resources): Place;
  /**
   * Ends what it keeps beside attempts, as far as that does not fit into `free`, and freezes the
   * rest; resolves once it is gone.
   */
  yieldTo(free: Resources): Promise<void>;
  /**
   * Freezes what runs beside the groups of attempts, or lets it go on; returns the groups that are
   * being frozen. Throws if that is impossible.
   */
  hold(isHeld: boolean): readonly AttemptGroup[];
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
  /**
   * The attempt is gone; `isHung`: its processes hang in the kernel, and so does the group.
   * `isFrozen`: what is left of it was told to stand still.
   */
  release(isHung: boolean, isFrozen: boolean): void;
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
      /** See WorkUsage. */
      readonly nodeWasFull?: boolean | undefined;
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
  /**
   * Its own limit was not the reason: the node had no memory left. False if that is not so either;
   * omitted if its limit was the reason.
   */
  readonly nodeWasFull?: boolean | undefined;
  /** Its part of the time, if it did not have its worker alone; omitted if it did. */
  readonly shareMs?: number | undefined;
}

/** Known of a call that did not have its worker alone. */
interface Beside {
  /** See WorkUsage. */
  readonly shareMs?: number | undefined;
  /** How many other calls were in it; omitted if none. */
  readonly others?: number | undefined;
  /** What is to be said of its time limit, as its worker was not ready; omitted if it was. */
  readonly unready?: string | undefined;
}

/** How an attempt's run ended. */
export type RunEnd = Beside & Pick<Partial<WorkUsage>, "nodeWasFull"> & OwnEnd;

type OwnEnd =
  | ProcessEnd
  /** A worker answered the call, and lives on. */
  | ({ readonly kind: "answered"; readonly answer: CallAnswer } & WorkUsage)
  /** Its input or its result could not be carried: it does not run again. */
  | ({ readonly kind: "unanswered"; readonly message: string } & WorkUsage)
  /** A worker served the clients of a lease, and lives on; `reason`: the node itself ended it. */
  | ({ readonly kind: "served"; readonly reason: string | null } & WorkUsage)
  /** Its worker ended, through no fault of the call: it runs again. */
  | ({
      readonly kind: "interrupted";
      readonly message: string;
      /** Code of the same user did it, so what was used is billed. */
      readonly isOwnDoing: boolean;
    } & WorkUsage)
  /** Nothing ran, and nobody is to blame: it may run elsewhere. */
  | { readonly kind: "withdrawn"; readonly message: string };

/** Why an attempt gets SIGTERM, which its command's error file says. */
export type Termination = "TIMEOUT" | "CANCELLED" | "REQUEUED";

/** Which processes get a signal: the command itself, its steps, all that it started, or all. */
export type SignalReach = "main" | "steps" | "children" | "all";

export interface RunHandle {
  /** Sends SIGTERM to the command's processes. */
  terminate(why: Termination): void;
  /** Sends the signal that its order specifies. */
  notify(): void;
  /** Sends a signal that the user asks for; omitted by workers, whose calls are no processes. */
  signal?(signal: number, reach: SignalReach): void;
  /** Sends SIGKILL to the whole tree. */
  kill(): void;
  /** All groups were killed with one write: what the tree still says before it is gone is void. */
  wasKilled?(): void;
  /** Takes it out of a worker that others are in; false: that needs a kill. */
  leave?(): boolean;
  /** Its group stands still, or runs again: nobody pays for the time between. */
  stopped?(isOn: boolean): void;
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
