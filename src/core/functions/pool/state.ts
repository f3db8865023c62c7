// The values from which the pool is decided, and the decision.

import type { NodeName } from "../../../model/ids.js";
import type { Outlook } from "./function-history.js";

/** A worker without a call, also one that is still starting. */
export interface IdleWorker {
  readonly id: string;
  /** The history key of its function. */
  readonly key: string;
  readonly node: NodeName;
  readonly memoryMb: number;
  /** When its last call ended, or when it was started. */
  readonly sinceMs: number;
}

/** A node with an executor. */
export interface PoolNode {
  readonly node: NodeName;
  /**
   * The memory that idle workers may hold, including those that are there now: the budget of the
   * hole less what running calls hold. Under pressure it is less than the workers hold.
   */
  readonly idleMemoryMb: number;
  /** A worker starts only where as many are free; omitted: always enough. */
  readonly freeCores?: number;
  /** When the hole is expected to end; null if that is unknown. */
  readonly endsAtMs: number | null;
}

export interface PoolFunction {
  readonly key: string;
  /** What a new worker takes; without `cores`, it starts on any node. */
  readonly memoryMb: number;
  readonly cores?: number;
  /** The number of workers that are always kept, including busy ones. */
  readonly minWarm: number;
  readonly busyWorkers: number;
  readonly outlook: Outlook;
}

export interface PoolState {
  readonly nowMs: number;
  /** Idle workers of other functions are stopped. */
  readonly functions: readonly PoolFunction[];
  readonly workers: readonly IdleWorker[];
  /** Idle workers on other nodes are stopped. */
  readonly nodes: readonly PoolNode[];
}

export type StopReason = "unwanted" | "holeEnds" | "pressure";

export interface Stop {
  readonly worker: string;
  readonly reason: StopReason;
}

export interface Start {
  readonly key: string;
  readonly node: NodeName;
}

export interface PoolDecision {
  /** In this order. A start may need the memory of a worker that stops. */
  readonly stop: readonly Stop[];
  readonly start: readonly Start[];
  /** When to decide again if nothing happens before; infinity if only events change anything. */
  readonly nextAtMs: number;
}
