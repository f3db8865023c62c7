// Where idle core-time goes: the parts it is split into, and what is recorded of a node so that they can be told apart.

import type { UnusableReason } from "../capacity/hole.js";
import type { NodeName } from "../ids.js";

/** What stands between Gleaner and the idle cores of one node, recorded whenever it changes. */
export type NodeCondition =
  | UnusableReason["kind"]
  /** A job is leaving: Slurm gives its cores to nobody until the epilogs have ended. */
  | "completing"
  /** Given up since a job is planned to start within placement.vacateMs. */
  | "vacated"
  /** The node has a hole and no executor that takes work yet. */
  | "starting"
  /** An executor holds the hole. */
  | "ready";

/** All parts, in the order of a report: first what an executor held, then what none did. */
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

/** Core-milliseconds of each part; they sum to the idle core-time, exactly. */
export type IdleParts = Readonly<Record<IdlePart, number>>;

/** From `fromMs` to `toMs` this was the node's condition. */
export interface ConditionSpan {
  readonly node: NodeName;
  /** What an older or newer release wrote may be none of ours. */
  readonly condition: NodeCondition | string;
  readonly fromMs: number;
  readonly toMs: number;
}

/** The node's condition from `fromMs` on; null: nothing is known of it any more. */
export interface ConditionChange {
  readonly node: NodeName;
  readonly condition: NodeCondition | null;
  readonly fromMs: number;
}

/** Work on held cores that is not (yet) finished, billed work. */
export interface UnfinishedSpan {
  readonly node: NodeName;
  readonly cores: number;
  readonly fromMs: number;
  readonly toMs: number;
  /** Ended by an eviction, lost with its executor, or without an end when it was read. */
  readonly end: "evicted" | "lost" | "running";
}

/** A time during which something waited. */
export interface WaitSpan {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Idle cores of a node that run nothing now, and why. */
export interface UnusedCores {
  readonly node: NodeName;
  readonly cores: number;
  readonly part: IdlePart;
  /** One sentence without a full stop. */
  readonly why: string;
}
