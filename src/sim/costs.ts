// What the real thing costs in time, as parameters; the defaults were measured on real Slurm, but for the reaction.

export interface Costs {
  /** How Gleaner learns that something became idle: the epilog's hook wakes it, or it only looks every now and then. */
  readonly view:
    | { readonly kind: "hook"; readonly reactionMs: number }
    | { readonly kind: "poll"; readonly intervalMs: number };
  /** From the order to a ready executor, uniform between the two. */
  readonly executorStartMs: { readonly least: number; readonly most: number };
  /** A worker's first call of a function it has not run before. */
  readonly coldStartMs: number;
  /** From a job's begin to its executor's answer. It delays the job's prolog, and never counts as held. */
  readonly evictionMs: number;
  /** How long before a job's begin its node takes no new call. */
  readonly noticeMs: number;
  /** How often a call saves its state, where the policy is that calls do. */
  readonly checkpointMs: number;
  /** How long a node runs on average until it fails, and then is out; left out: nodes do not fail. */
  readonly nodeFailures?: { readonly everyMs: number; readonly repairMs: number };
}

export const measuredCosts: Costs = {
  /** Reckoned, not measured: the least pause between two reads of Slurm (poll.minimumMs), and some 30 ms for a read. */
  view: { kind: "hook", reactionMs: 280 },
  executorStartMs: { least: 150, most: 300 },
  coldStartMs: 5,
  /** Median of the demo's evictions. */
  evictionMs: 25,
  /** Slurm gives none: the prolog is the first that anyone hears. */
  noticeMs: 0,
  /** A program's own choice: long beside what saving takes, short beside what is lost. */
  checkpointMs: 30_000,
};
