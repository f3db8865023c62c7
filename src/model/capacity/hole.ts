// A hole: the resources that a node leaves idle from some moment on; or why none of them are
// usable.

import type { NodeName } from "../ids.js";
import type { Resources } from "../resources.js";
import type { HoleEnd, HoleKind } from "./prediction.js";

export interface Hole {
  readonly node: NodeName;
  readonly kind: HoleKind;
  readonly free: Resources;
  readonly sinceMs: number;
  /** When Slurm plans to close the hole (a job, a reservation); null if nothing is planned. */
  readonly predictedEndAtMs: number | null;
  /** The best estimate of its end: Slurm's plan, else what past holes suggest. */
  readonly end: HoleEnd;
  /** Why free GPUs of the node are not used although no job has them; omitted if they are used. */
  readonly gpuProblem?: string;
}

/** Why (part of) a node is not harvested; shown by `glean explain` and `glean info`. */
export type UnusableReason =
  | { readonly kind: "full" }
  /** `detail` names the cause of the state, where it is known. */
  | { readonly kind: "state"; readonly flag: string; readonly detail?: string }
  | { readonly kind: "unknownState"; readonly flag: string }
  /** `isLabel`: `owner` is an MCS label, else a user. */
  | { readonly kind: "owner"; readonly owner: string; readonly isLabel?: true }
  | { readonly kind: "memory"; readonly freeMb: number; readonly neededMb: number }
  | { readonly kind: "pinned"; readonly why: string }
  | { readonly kind: "partition"; readonly partition: string }
  | { readonly kind: "noHook"; readonly detail: string }
  | { readonly kind: "noPreemption"; readonly detail: string }
  | { readonly kind: "drained"; readonly by: string }
  | { readonly kind: "stale"; readonly ageMs: number }
  | { readonly kind: "tooShort"; readonly endsInMs: number }
  | { readonly kind: "interference"; readonly detail: string; readonly retryInMs: number }
  | { readonly kind: "launchFailing"; readonly detail: string; readonly retryInMs: number }
  | { readonly kind: "sick"; readonly detail: string; readonly retryInMs: number }
  /** The node has less memory than Slurm counts. */
  | { readonly kind: "noMemoryLeft"; readonly detail: string; readonly retryInMs: number };

export interface UnusableNode {
  readonly node: NodeName;
  readonly reason: UnusableReason;
  /** Cores that Slurm leaves idle there and that stay unused for this reason. */
  readonly idleCores: number;
}
