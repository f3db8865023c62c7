// Turns the configuration into the policies of the core's functions.

import type { Config } from "../../config.js";
import type { HolePolicy } from "../../core/capacity/holes.js";
import { timeLimitsOf } from "../invocations/time-limits.js";
import type { LearningPolicy } from "../records/learning.js";

/** Slurm counts a job's time in minutes: no pilot fits into less. */
const minuteMs = 60_000;
/** A hole with less memory is useless even to a shell. */
const minimumMemoryMb = 64;
/**
 * A function is expected to take as long as three quarters of its runs: slightly late is better
 * than lost.
 */
const expectedQuantile = 0.75;

export function holePolicyOf({ placement, poll }: Config): HolePolicy {
  const { exclusivePartitions, memoryMarginMb, vacateMs, launcher, pilot } = placement;
  // In other partitions sbatch would refuse every pilot.
  const partitions = placement.partitions ?? (launcher === "pilot" ? [pilot.partition] : null);
  const minimumHoleMs = Math.max(placement.minimumHoleMs, launcher === "pilot" ? minuteMs : 0);
  const { staleMs } = poll;
  return {
    partitions,
    exclusivePartitions,
    memoryMarginMb,
    minimumMemoryMb,
    minimumHoleMs,
    vacateMs,
    staleMs,
  };
}

export function learningPolicyOf(config: Config): LearningPolicy {
  const { defaultTimeLimitMs } = timeLimitsOf(config);
  return {
    runtime: { defaultTimeLimitMs, quantile: expectedQuantile },
    vacateMs: config.placement.vacateMs,
  };
}
