// The port of runtimes: starts an attempt's code in its group, asks it to end, and reports its end.

import type { StartFailure } from "../../model/invocation.js";
import type { AttemptOrder } from "../../wire/messages.js";
import type { AttemptGroup } from "../containment/containment.js";

export interface Runtime {
  /** Starts one attempt in its group. Never throws: a failed start is reported as an end. */
  start(order: AttemptOrder, group: AttemptGroup, events: RunEvents): RunHandle;
}

/** How a run ended; times are CLOCK_MONOTONIC. */
export type RunEnd =
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

export interface RunHandle {
  /** Sends SIGTERM to the command's processes. */
  terminate(): void;
  /** Sends the signal that its order specifies. */
  notify(): void;
  /** Sends SIGKILL to the whole tree. */
  kill(): void;
}

export interface RunEvents {
  onStarted(): void;
  /**
   * Called once; no process of the attempt is left, except after `vanished`, where the group must
   * be checked.
   */
  onEnd(end: RunEnd): void;
}
