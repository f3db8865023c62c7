// The policies that a replay can compare: the core's own, by name, each as the values that the core is given.

import type { HolePolicy } from "../core/capacity/holes.js";
import type { PlacementPolicy } from "../core/placement/placement.js";
import { GleanerError } from "../model/errors.js";

export interface Policy {
  readonly name: string;
  /** One line for the help. */
  readonly summary: string;
  readonly holes: HolePolicy;
  readonly placement: PlacementPolicy;
  /** Executors that one plan may start. */
  readonly maxStarts: number;
  /** The idle rest of partly used nodes is left alone. */
  readonly wholeNodesOnly: boolean;
  /** What is known of a hole's end beside time limits: nothing, or (as no real site can) the moment itself. */
  readonly ends: "unknown" | "known";
  /** Learns how long holes and functions last, and places work by it. */
  readonly predicts: boolean;
  /** Calls save their state now and then, and after an eviction go on from there: what a program does that can. */
  readonly checkpoints: boolean;
}

const prediction: Policy = {
  name: "prediction",
  summary: "as gleanerd does it: learns how long holes and functions last, and places work by it",
  // The defaults of the configuration (placement.*, poll.staleMs) and of the daemon.
  holes: {
    partitions: null,
    memoryMarginMb: 512,
    minimumMemoryMb: 64,
    minimumHoleMs: 2_000,
    staleMs: 15_000,
  },
  placement: { starvingAfterMs: 10_000, maxAssignments: 500 },
  maxStarts: 64,
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
    summary: "without prediction: work in turn, into any hole, expected to take its time limit",
    predicts: false,
  },
  {
    ...prediction,
    name: "checkpoint",
    summary: "as prediction, with calls that save their state now and then and go on from there",
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
    summary: "the same core, told when each hole really ends: what prediction could bring at most",
    // A hole that is known to be short is used like any other: its end comes as no surprise.
    holes: { ...prediction.holes, minimumHoleMs: 0 },
    ends: "known",
  },
];

/** Throws BAD_REQUEST, naming the policies there are. */
export function policyNamed(name: string): Policy {
  const policy = policies.find((each) => each.name === name);
  if (policy === undefined)
    throw new GleanerError(
      "BAD_REQUEST",
      `there is no policy ${JSON.stringify(name.slice(0, 60))}: take one of ${policies.map((each) => each.name).join(", ")}`,
    );
  return policy;
}
