// A plan: what the capacity loop is about to do, as plain data, with a reason for each step.

import type { ExecutorId, NodeName } from "../ids.js";
import type { Resources } from "../resources.js";
import type { Hole, UnusableNode } from "./hole.js";

export type PlanStep =
  | {
      readonly kind: "start";
      readonly node: NodeName;
      readonly budget: Resources;
      readonly reason: string;
    }
  | {
      readonly kind: "resize";
      readonly executor: ExecutorId;
      readonly node: NodeName;
      readonly budget: Resources;
      readonly reason: string;
    }
  | {
      readonly kind: "drain";
      readonly executor: ExecutorId;
      readonly node: NodeName;
      readonly reason: string;
    }
  | {
      readonly kind: "stop";
      readonly executor: ExecutorId;
      readonly node: NodeName;
      readonly reason: string;
    };

export interface Plan {
  readonly steps: readonly PlanStep[];
  readonly holes: readonly Hole[];
  readonly unusable: readonly UnusableNode[];
  /** nodesAskedAtMs of the snapshot that the plan was made from. */
  readonly madeFromMs: number;
}
