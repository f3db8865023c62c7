// A hole: what one node leaves idle from a moment on; or why the node has none that may be used.

import type { NodeName } from "../ids.js";
import type { Resources } from "../resources.js";
import type { HoleEnd, HoleKind } from "./prediction.js";

export interface Hole {
  readonly node: NodeName;
  readonly kind: HoleKind;
  readonly free: Resources;
  readonly sinceMs: number;
  /** When Slurm plans to close the hole (a job, a reservation); null: nothing is planned. */
  readonly predictedEndAtMs: number | null;
  /** The best that is known of its end: what is planned, else what past holes tell. */
  readonly end: HoleEnd;
  /** Why GPUs of the node are not given away though no job may have them; left out: all that are free are. */
  readonly gpuProblem?: string;
}

/** Why (part of) a node is not harvested; shown by `glean explain` and `glean info`. */
export type UnusableReason =
  | { readonly kind: "full" }
  /** `detail`: what the state comes of, where that is known. */
  | { readonly kind: "state"; readonly flag: string; readonly detail?: string }
  | { readonly kind: "unknownState"; readonly flag: string }
  | { readonly kind: "owner"; readonly owner: string }
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
  | { readonly kind: "sick"; readonly detail: string; readonly retryInMs: number };

export interface UnusableNode {
  readonly node: NodeName;
  readonly reason: UnusableReason;
  /** Cores that Slurm leaves idle there and that go unused for this reason. */
  readonly idleCores: number;
}
