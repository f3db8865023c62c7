// An executor: the process that fills a hole, with its states and its budget.

import type { ExecutorId, NodeName } from "../ids.js";
import type { Transitions } from "../machine.js";
import type { Resources } from "../resources.js";

/** How an executor got onto its node: outside Slurm's accounting, or as a preemptible job. */
export type Placement = "direct" | "pilot";

export type ExecutorState = "requested" | "starting" | "ready" | "draining" | "gone";

export const executorTransitions: Transitions<ExecutorState> = {
  requested: ["starting", "gone"],
  starting: ["ready", "draining", "gone"],
  ready: ["draining", "gone"],
  draining: ["gone"],
  gone: [],
};

/** The part of an executor that a plan reads; the daemon keeps more. */
export interface Executor {
  readonly id: ExecutorId;
  readonly node: NodeName;
  readonly placement: Placement;
  readonly state: ExecutorState;
  readonly budget: Resources;
}
