// Makes a plan from holes and executors: which executors to start, resize, drain and stop, with a
// reason each.

import type { Executor } from "../../model/capacity/executor.js";
import type { Hole, UnusableNode } from "../../model/capacity/hole.js";
import type { Plan, PlanStep } from "../../model/capacity/plan.js";
import type { NodeName } from "../../model/ids.js";
import { lesser } from "../../model/resources.js";
import type { Snapshot } from "../../model/slurm/snapshot.js";
import { amounts, describeReason } from "../explain/waiting.js";
import { Claims } from "./claims.js";
import {
  type Free,
  findHoles,
  freeOf,
  type HoleContext,
  type HolePolicy,
  type Holes,
} from "./holes.js";

export interface PlanInput {
  readonly snapshot: Snapshot;
  readonly executors: readonly Executor[];
  readonly policy: HolePolicy;
  readonly context: HoleContext;
  /**
   * The most executors that one plan may start, so that the first plan on a large site does not
   * cause a storm.
   */
  readonly maxStarts: number;
}

/**
 * Plans one executor per node with a hole, as large as the hole. No budget in the plan exceeds what
 * the snapshot shows as free on that node (property-tested), and a stale snapshot starts and grows
 * nothing.
 */
export function makePlan(input: PlanInput): Plan {
  const claims = new Claims(input.snapshot);
  const found = findHoles(input.snapshot, input.policy, input.context, claims);
  const byNode = new Map<NodeName, Executor>();
  for (const executor of input.executors)
    if (executor.state !== "gone") byNode.set(executor.node, executor);
  const steps = [
    ...resizesAndStarts(found.holes, byNode, input.maxStarts),
    ...departures(found, byNode, input, claims),
  ];
  return {
    steps,
    holes: found.holes,
    unusable: found.unusable,
    madeFromMs: input.snapshot.nodesAskedAtMs,
  };
}

function resizesAndStarts(
  holes: readonly Hole[],
  executors: ReadonlyMap<NodeName, Executor>,
  maxStarts: number,
): PlanStep[] {
  const resizes: PlanStep[] = [];
  const starts: { hole: Hole; step: PlanStep }[] = [];
  for (const hole of holes) {
    const executor = executors.get(hole.node);
    const about = `${amounts({ ...hole.free, gpus: 0 })} are idle`;
    if (executor === undefined) {
      const step = { kind: "start", node: hole.node, budget: hole.free, reason: about } as const;
      starts.push({ hole, step });
    } else if (executor.state !== "draining") {
      // Sent even without a change, because it also tells the executor which of its jobs the view
      // includes.
      resizes.push({
        kind: "resize",
        executor: executor.id,
        node: hole.node,
        budget: hole.free,
        reason: about,
      });
    }
  }
  starts.sort((left, right) => right.hole.free.cores - left.hole.free.cores);
  return [...resizes, ...starts.slice(0, maxStarts).map((each) => each.step)];
}

function departures(
  found: Holes,
  executors: ReadonlyMap<NodeName, Executor>,
  { snapshot, policy }: PlanInput,
  claims: Claims,
): PlanStep[] {
  const holes = new Set(found.holes.map((hole) => hole.node));
  const reasons = new Map(found.unusable.map((each) => [each.node, each]));
  const steps: PlanStep[] = [];
  for (const executor of executors.values()) {
    if (holes.has(executor.node)) continue;
    const freeThere = () => {
      const node = snapshot.nodes.find((each) => each.name === executor.node)!;
      return freeOf(node, policy, snapshot.facts, claims);
    };
    const step = departure(executor, reasons.get(executor.node), freeThere, policy);
    if (step !== null) steps.push(step);
  }
  return steps;
}

/** What happens to an executor whose node no longer has a hole. */
function departure(
  executor: Executor,
  unusable: UnusableNode | undefined,
  freeThere: () => Free,
  policy: HolePolicy,
): PlanStep | null {
  const about = { executor: executor.id, node: executor.node };
  if (unusable === undefined)
    return { kind: "stop", ...about, reason: "Slurm does not list this node" };
  const reason = describeReason(unusable.reason);
  switch (unusable.reason.kind) {
    case "stale":
    case "launchFailing":
      // There is no new information about the node; the hook still protects its jobs. Nothing
      // grows.
      return null;
    case "state":
      // slurmctld has restarted, and starts no job on the node before the node registers.
      if (unusable.reason.flag === "UNKNOWN") return null;
      if (unusable.reason.flag === "COMPLETING") return holdStep(executor, freeThere());
      return { kind: leavesAtOnce.has(unusable.reason.flag) ? "stop" : "drain", ...about, reason };
    case "drained":
    case "sick":
    case "partition":
    case "owner":
      return { kind: "drain", ...about, reason };
    case "tooShort": {
      // Too short for a new start, but the present executor continues with work that ends in time.
      if (unusable.reason.endsInMs <= (policy.vacateMs ?? 0))
        return { kind: "drain", ...about, reason };
      return executor.state === "draining"
        ? null
        : { kind: "resize", ...about, budget: freeThere().budget, reason };
    }
    case "full":
    case "memory":
      // Slurm gave a pilot its resources; a view that shows them as taken was read while the job
      // started.
      if (executor.placement === "pilot") return null;
      return { kind: "stop", ...about, reason };
    case "noHook":
    case "noPreemption":
    case "unknownState":
    case "interference":
    case "noMemoryLeft":
      return { kind: "stop", ...about, reason };
    case "pinned":
      // Gleaner soon learns which cores are free, or never. Until then nothing grows, and functions
      // on cores that a job may have received stay frozen.
      return null;
  }
}

/**
 * An operator who drains or reserves a node lets work finish; a node that fails or goes down does
 * not wait.
 */
const leavesAtOnce: ReadonlySet<string> = new Set([
  "DOWN",
  "ERROR",
  "FUTURE",
  "FAIL",
  "NOT_RESPONDING",
  "REBOOT",
  "REBOOT_REQUESTED",
  "REBOOT_ISSUED",
  "POWER_DOWN",
  "POWERED_DOWN",
  "POWERING_DOWN",
  "POWER_DRAIN",
]);

/**
 * While a job completes on the node, functions keep what its neighbours left idle, but nothing
 * grows.
 */
function holdStep(executor: Executor, { budget: free, whyUntold }: Free): PlanStep | null {
  if (whyUntold !== null) return null;
  const about = { executor: executor.id, node: executor.node };
  if (free.cores === 0) return { kind: "stop", ...about, reason: "the node is full" };
  // Where jobs are pinned, an executor may freeze until it learns which cores they have.
  if (free.cpuIds === undefined && free.cores >= executor.budget.cores) return null;
  const budget = lesser(executor.budget, free);
  return { kind: "resize", ...about, budget, reason: "a job is completing on this node" };
}
