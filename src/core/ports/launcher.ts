// The port to nodes: starts executors there and probes them.

import type { Placement } from "../../model/capacity/executor.js";
import type { ExecutorId, NodeName } from "../../model/ids.js";
import type { Resources } from "../../model/resources.js";

/**
 * The bytes that `glean-executor` reads on standard input; secret, and therefore never an argument.
 */
export type LaunchInput = string;

/** The size of a pilot's job; executors outside Slurm's books have none. */
export interface LaunchSize {
  readonly budget: Resources;
  readonly timeLimitMs: number;
}

/**
 * `gone`: ended for an unknown reason; `evicted`: Slurm took back what its pilot held; `unknown`:
 * neither Slurm nor the node answered.
 */
export type ProcessState = "running" | "gone" | "evicted" | "unknown";

export interface Launcher {
  readonly placement: Placement;
  /**
   * Resolves once the process has started or its job is submitted (not once it is ready); rejects
   * with code LAUNCH, within bounded time.
   */
  launch(
    node: NodeName,
    address: string,
    executor: ExecutorId,
    input: LaunchInput,
    size?: LaunchSize,
  ): Promise<void>;
  /** Whether the executor's process is still running or waiting to start. */
  probe(node: NodeName, address: string, executor: ExecutorId): Promise<ProcessState>;
  /**
   * Withdraws a launch, whether it has started or not; never rejects. Only pilots outlive the
   * daemon's interest in them.
   */
  withdraw?(executor: ExecutorId): Promise<void>;
  /**
   * The executor is gone and will not be probed again: the launcher may drop all that it keeps
   * about it.
   */
  forget?(executor: ExecutorId): void;
  /**
   * The most launches for which one plan may ask now: more would wait for their turn while their
   * holes age. If omitted, 64.
   */
  startsAtOnce?(): number;
  /** The number of commands sent to slurmctld so far; if omitted, none. */
  commandCount?(): number;
  close(): Promise<void>;
}
