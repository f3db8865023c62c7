// The port to nodes: how executors are started there and asked after.

import type { Placement } from "../../model/capacity/executor.js";
import type { ExecutorId, NodeName } from "../../model/ids.js";
import type { Resources } from "../../model/resources.js";

/** The bytes `glean-executor` reads on standard input; secret, so never an argument. */
export type LaunchInput = string;

/** Of a pilot; executors beside Slurm's books have none. */
export interface LaunchSize {
  readonly budget: Resources;
  readonly timeLimitMs: number;
}

/** `gone`: ended, nobody says why; `evicted`: Slurm took back what its pilot held; `unknown`: nobody could be asked. */
export type ProcessState = "running" | "gone" | "evicted" | "unknown";

export interface Launcher {
  readonly placement: Placement;
  /** Resolves when the process was started, or its job submitted (not when it is ready); rejects with code LAUNCH, and in bounded time. */
  launch(
    node: NodeName,
    address: string,
    executor: ExecutorId,
    input: LaunchInput,
    size?: LaunchSize,
  ): Promise<void>;
  /** Whether the executor's process still is, or waits to be started. */
  probe(node: NodeName, address: string, executor: ExecutorId): Promise<ProcessState>;
  /** Takes a launch back, whether it has started or not; never rejects. Only pilots outlive a daemon's interest. */
  withdraw?(executor: ExecutorId): Promise<void>;
  /** The executor is gone, and will not be asked after again: nothing of its launch need be kept. */
  forget?(executor: ExecutorId): void;
  /** Commands sent to slurmctld so far; none when left out. */
  commandCount?(): number;
  close(): Promise<void>;
}
