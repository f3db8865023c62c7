// How long each step takes in reality, as parameters; the defaults were measured on real Slurm,
// except the reaction.

export interface Costs {
  /**
   * How Gleaner learns that something became idle: the epilog's hook wakes it, or it only polls at
   * intervals.
   */
  readonly view:
    | { readonly kind: "hook"; readonly reactionMs: number }
    | { readonly kind: "poll"; readonly intervalMs: number };
  /** From the order to a ready executor, uniformly distributed between the two. */
  readonly executorStartMs: { readonly least: number; readonly most: number };
  /** The most executors that one plan may start. */
  readonly startsPerPlan: number;
  /** The time that a worker's first call of a new function takes in addition. */
  readonly coldStartMs: number;
  /**
   * From a job's begin to its executor's answer. It delays the job's prolog, and never counts as
   * held.
   */
  readonly evictionMs: number;
  /** How long before a job's begin its node stops accepting calls. */
  readonly noticeMs: number;
  /** How often a call saves its state, if the policy has calls do so. */
  readonly checkpointMs: number;
  /**
   * How long a node runs on average until it fails and goes down; if omitted, nodes do not fail.
   */
  readonly nodeFailures?: { readonly everyMs: number; readonly repairMs: number };
}

export const measuredCosts: Costs = {
  /**
   * Calculated, not measured: the minimum pause between two reads of Slurm (poll.minimumMs), and
   * about 30 ms for a read.
   */
  view: { kind: "hook", reactionMs: 280 },
  executorStartMs: { least: 150, most: 300 },
  /** As gleanerd does by ssh without open connections; each of those adds one. */
  startsPerPlan: 64,
  coldStartMs: 5,
  /** The median of the demo's evictions. */
  evictionMs: 25,
  /** Slurm gives no notice: the prolog is the first sign of a job. */
  noticeMs: 0,
  /** The program's own choice: long compared with saving, short compared with the work lost. */
  checkpointMs: 30_000,
};
