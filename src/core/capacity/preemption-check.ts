// Whether Slurm would preempt a pilot for any batch job, at once: without that no pilot may be submitted.

import type { ClusterFacts, Partition } from "../../model/slurm/snapshot.js";

/** Those that end a job. SUSPEND and GANG would leave the pilot in the node's memory. */
const endingModes: ReadonlySet<string> = new Set(["CANCEL", "REQUEUE"]);

/** null when it would, else one sentence that says what to change in slurm.conf. */
export function preemptionProblemOf(
  { facts, partitions }: { facts: ClusterFacts; partitions: readonly Partition[] },
  name: string,
): string | null {
  const pilots = partitions.find((partition) => partition.name === name);
  if (pilots === undefined)
    return `slurm.conf has no partition ${name}: add one for pilots, or name yours in placement.pilot.partition`;
  if (facts.preemptType !== "preempt/partition_prio")
    return `slurm.conf has PreemptType=${facts.preemptType}: set preempt/partition_prio, so that partition ${name} gives way`;
  if (facts.preemptExemptMs > 0)
    return `slurm.conf has PreemptExemptTime=${facts.preemptExemptMs / 1_000} s, during which no pilot gives way: set 0`;
  if (!endingModes.has(pilots.preemptMode))
    return `partition ${name} has PreemptMode=${pilots.preemptMode}: set CANCEL`;
  if (pilots.graceMs > 0)
    return `partition ${name} has GraceTime=${pilots.graceMs / 1_000}, for which every job would wait: set 0`;
  const rival = partitions.find((other) => other !== pilots && keepsItsPlace(pilots, other));
  if (rival !== undefined)
    return `partition ${name} has PriorityTier=${pilots.priorityTier} and ${rival.name}, which shares nodes with it, has ${rival.priorityTier}: give ${name} a lower one`;
  return null;
}

/** Whether pilots would not give way to jobs of the other partition. */
function keepsItsPlace(pilots: Partition, other: Partition): boolean {
  if (other.priorityTier > pilots.priorityTier) return false;
  const nodes = new Set(pilots.nodes);
  return other.nodes.some((node) => nodes.has(node));
}
