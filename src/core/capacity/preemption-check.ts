// Checks that Slurm would preempt a pilot for any batch job at once: otherwise no pilot may be
// submitted.

import type { ClusterFacts, Partition } from "../../model/slurm/snapshot.js";

/** The modes that end a job. SUSPEND and GANG would leave the pilot in the node's memory. */
const endingModes: ReadonlySet<string> = new Set(["CANCEL", "REQUEUE"]);

/** null if it would, else one sentence that says what to change in slurm.conf. */
export function preemptionProblemOf(
  { facts, partitions }: { facts: ClusterFacts; partitions: readonly Partition[] },
  name: string,
): string | null {
  const pilots = partitions.find((partition) => partition.name === name);
  if (pilots === undefined)
    return `slurm.conf has no partition ${name}: add one for pilots, or name yours in placement.pilot.partition`;
  if (facts.preemptType !== "preempt/partition_prio")
    return `slurm.conf has PreemptType=${facts.preemptType}: set it to preempt/partition_prio, so that jobs in partition ${name} are preempted`;
  if (facts.preemptExemptMs > 0)
    return `slurm.conf has PreemptExemptTime=${facts.preemptExemptMs / 1_000} s, during which no pilot can be preempted: set it to 0`;
  if (!endingModes.has(pilots.preemptMode))
    return `partition ${name} has PreemptMode=${pilots.preemptMode}: set it to CANCEL`;
  if (pilots.graceMs > 0)
    return `partition ${name} has GraceTime=${pilots.graceMs / 1_000}, so every job would wait that long: set it to 0`;
  const rival = partitions.find((other) => other !== pilots && keepsItsPlace(pilots, other));
  if (rival !== undefined)
    return `partition ${name} has PriorityTier=${pilots.priorityTier} and ${rival.name}, which shares nodes with it, has ${rival.priorityTier}: give ${name} a lower PriorityTier`;
  return null;
}

/** Whether jobs of the other partition could not preempt pilots. */
function keepsItsPlace(pilots: Partition, other: Partition): boolean {
  if (other.priorityTier > pilots.priorityTier) return false;
  const nodes = new Set(pilots.nodes);
  return other.nodes.some((node) => nodes.has(node));
}
