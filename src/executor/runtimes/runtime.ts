// The port of runtimes: how an attempt's code is started in its group, asked to end, and reported.

import type { StartFailure } from "../../model/invocation.js";
import type { AttemptOrder } from "../../wire/messages.js";
import type { AttemptGroup } from "../containment/containment.js";

export interface Runtime {
  /** Starts one attempt in its group. Never throws: a start that fails is reported as an end. */
  start(order: AttemptOrder, group: AttemptGroup, events: RunEvents): RunHandle;
}

/** How a run ended; times are CLOCK_MONOTONIC. */
export type RunEnd =
  | {
      readonly kind: "ended";
      readonly exitCode: number;
      /** 0: it exited. */
      readonly signal: number;
      /** Its process was made: from then on it holds its cores, though it may wait for files before it runs. */
      readonly startNs: bigint;
      readonly endNs: bigint;
      readonly cpuMs: number;
      readonly maxRssMb: number;
      readonly oomKills: number;
      /** The limit of processes and threads that the run was killed for. */
      readonly brokenProcessLimit: number | null;
    }
  /** The command was never started. */
  | ({
      readonly kind: "failed";
      readonly message: string;
      /** How long it held its cores. */
      readonly heldMs: number;
    } & StartFailure)
  /** The runtime's own process was killed: the command's result is unknown, and it no longer runs. */
  | { readonly kind: "vanished"; readonly message: string };

export interface RunHandle {
  /** SIGTERM to the command's processes. */
  terminate(): void;
  /** The signal that its order asks for. */
  notify(): void;
  /** SIGKILL to the whole tree. */
  kill(): void;
}

export interface RunEvents {
  onStarted(): void;
  /** Once; no process of the attempt is left, except after `vanished`, where the group tells. */
  onEnd(end: RunEnd): void;
}
