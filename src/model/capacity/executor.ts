// An executor: the process that fills a hole; its states and its budget.

import type { ExecutorId, NodeName } from "../ids.js";
import type { Transitions } from "../machine.js";
import type { Resources } from "../resources.js";

/** How an executor came to its node: beside Slurm's books, or as a preemptible job. */
export type Placement = "direct" | "pilot";

export type ExecutorState = "requested" | "starting" | "ready" | "draining" | "gone";

export const executorTransitions: Transitions<ExecutorState> = {
  requested: ["starting", "gone"],
  starting: ["ready", "draining", "gone"],
  ready: ["draining", "gone"],
  draining: ["gone"],
  gone: [],
};

/** What a plan reads of an executor; the daemon knows more. */
export interface Executor {
  readonly id: ExecutorId;
  readonly node: NodeName;
  readonly placement: Placement;
  readonly state: ExecutorState;
  readonly budget: Resources;
}
