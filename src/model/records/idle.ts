// Where idle core-time goes: its parts, and the records of a node that distinguish them.

import type { UnusableReason } from "../capacity/hole.js";
import type { NodeName } from "../ids.js";

/** What keeps Gleaner from the idle cores of one node, recorded at every change. */
export type NodeCondition =
  | UnusableReason["kind"]
  /** A job is completing: Slurm gives its cores to nobody until its epilogs have ended. */
  | "completing"
  /** Vacated because a job is planned to start within placement.vacateMs. */
  | "vacated"
  /** The node has a hole, but no executor yet that accepts work. */
  | "starting"
  /** An executor holds the hole. */
  | "ready";

/** All parts, in the order of a report: first those that an executor held, then the others. */
export const idleParts = [
  // Held by a ready executor.
  "useful",
  "running",
  "evicted",
  "lost",
  "unplaced",
  "noDemand",
  // Held by none.
  "starting",
  "unseen",
  "completing",
  "tooShort",
  "vacated",
  "memory",
  "pinned",
  "interference",
  "state",
  "unknownState",
  "owner",
  "partition",
  "noHook",
  "drained",
  "launchFailing",
  "stale",
  "unrecorded",
] as const;

export type IdlePart = (typeof idleParts)[number];

/** Core-milliseconds of each part; they sum exactly to the idle core-time. */
export type IdleParts = Readonly<Record<IdlePart, number>>;

/** The node's condition from `fromMs` to `toMs`. */
export interface ConditionSpan {
  readonly node: NodeName;
  /** An older or newer release may have written a value that this one does not know. */
  readonly condition: NodeCondition | string;
  readonly fromMs: number;
  readonly toMs: number;
}

/** The node's condition from `fromMs` on; null if it is unknown from then on. */
export interface ConditionChange {
  readonly node: NodeName;
  readonly condition: NodeCondition | null;
  readonly fromMs: number;
}

/** Work on held cores that is not (or not yet) finished and billed. */
export interface UnfinishedSpan {
  readonly node: NodeName;
  /** The worker in which other calls may be as well; null, or if omitted, none. */
  readonly worker?: string | null;
  readonly cores: number;
  readonly fromMs: number;
  readonly toMs: number;
  /** Ended by an eviction, lost with its executor, or still running when it was read. */
  readonly end: "evicted" | "lost" | "running";
}

/** A time during which something waited. */
export interface WaitSpan {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Idle cores of a node that run nothing now, and the reason. */
export interface UnusedCores {
  readonly node: NodeName;
  readonly cores: number;
  readonly part: IdlePart;
  /** One sentence without a full stop. */
  readonly why: string;
}
