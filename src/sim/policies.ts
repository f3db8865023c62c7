// The policies that a replay can compare: each is a set of values for the core itself.

import type { HolePolicy } from "../core/capacity/holes.js";
import type { PlacementPolicy } from "../core/placement/placement.js";
import { GleanerError } from "../model/errors.js";

export interface Policy {
  readonly name: string;
  /** One line for the help. */
  readonly summary: string;
  readonly holes: HolePolicy;
  readonly placement: PlacementPolicy;
  /** Whether the idle rest of partly used nodes stays unused. */
  readonly wholeNodesOnly: boolean;
  /**
   * The knowledge of a hole's end besides time limits: nothing, or (as on no real site) the exact
   * moment.
   */
  readonly ends: "unknown" | "known";
  /** Whether it learns how long holes and functions last, and uses that in placement. */
  readonly predicts: boolean;
  /**
   * Whether calls save their state at intervals and continue from there after an eviction, as a
   * program that supports this does.
   */
  readonly checkpoints: boolean;
}

const prediction: Policy = {
  name: "prediction",
  summary: "as gleanerd: learns how long holes and functions last, and uses that in placement",
  // The defaults of the configuration (placement.*, poll.staleMs) and of the daemon.
  holes: {
    partitions: null,
    memoryMarginMb: 512,
    minimumMemoryMb: 64,
    minimumHoleMs: 2_000,
    staleMs: 15_000,
  },
  placement: { starvingAfterMs: 10_000, maxAssignments: 500 },
  wholeNodesOnly: false,
  ends: "unknown",
  predicts: true,
  checkpoints: false,
};

export const policies: readonly Policy[] = [
  prediction,
  {
    ...prediction,
    name: "none",
    summary: "without prediction: work in order, into any hole, expected to take its time limit",
    predicts: false,
  },
  {
    ...prediction,
    name: "checkpoint",
    summary: "as prediction, with calls that save their state at intervals and continue from there",
    checkpoints: true,
  },
  {
    ...prediction,
    name: "whole-nodes",
    summary: "only nodes without any job, as pilots in whole-node partitions do",
    wholeNodesOnly: true,
  },
  {
    ...prediction,
    name: "known-ends",
    summary: "the same core, told when each hole really ends: the most that prediction could gain",
    // A hole known to be short is used like any other, because its end comes as no surprise.
    holes: { ...prediction.holes, minimumHoleMs: 0 },
    ends: "known",
  },
];

/** Throws BAD_REQUEST with the list of policies if the name is unknown. */
export function policyNamed(name: string): Policy {
  const policy = policies.find((each) => each.name === name);
  if (policy === undefined)
    throw new GleanerError(
      "BAD_REQUEST",
      `unknown policy ${JSON.stringify(name.slice(0, 60))}: use one of ${policies.map((each) => each.name).join(", ")}`,
    );
  return policy;
}
