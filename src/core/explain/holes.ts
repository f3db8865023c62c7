// Explains why the idle cores of a node run nothing: each core counts in exactly one answer, as in
// the idle report.

import type { UnusableReason } from "../../model/capacity/hole.js";
import type { NodeName } from "../../model/ids.js";
import type { IdlePart, UnusedCores } from "../../model/records/idle.js";
import { countsOf, type Resources } from "../../model/resources.js";
import { conditionOf, partOf } from "../accounting/idle.js";
import { amounts, describeReason } from "./waiting.js";

/** The state of one node. */
export interface NodeView {
  readonly node: NodeName;
  /** Cores that no batch job holds. */
  readonly idleCores: number;
  /** The last plan's reason against using the node; null if the node has a hole. */
  readonly reason: UnusableReason | null;
  readonly executor: ExecutorView | null;
  /** Whether executors are jobs, which come when work waits. */
  readonly takesPilots: boolean;
}

export interface ExecutorView {
  readonly takesWork: boolean;
  readonly state: string;
  /** How long ago its start was ordered. */
  readonly forMs: number;
  readonly budget: Resources;
  readonly usedCores: number;
  readonly free: Resources;
}

/** The waiting work, as seen from one executor. */
export interface DemandView {
  readonly waiting: number;
  /**
   * Whether any waiting work fits into the executor's free resources and would end before the next
   * planned start there.
   */
  readonly fits: boolean;
}

/** The idle cores of a node that run nothing, with the reason; empty if there are none. */
export function explainUnused(
  view: NodeView,
  demand: DemandView,
  vacateMs: number,
): readonly UnusedCores[] {
  const { node, executor } = view;
  // An executor that takes no work holds only the cores of what it still runs.
  const cores = executor?.takesWork ? executor.budget.cores : (executor?.usedCores ?? 0);
  const held = Math.min(view.idleCores, cores);
  const unused: UnusedCores[] = [];
  const say = (cores: number, part: IdlePart, why: string): void => {
    if (cores > 0) unused.push({ node, cores, part, why });
  };
  if (executor !== null && held > 0)
    say(held - Math.min(held, executor.usedCores), ...whyHeldIsIdle(executor, demand));
  say(view.idleCores - held, ...whyNotHeld(view, vacateMs));
  return unused;
}

function whyHeldIsIdle({ free }: ExecutorView, { waiting, fits }: DemandView): [IdlePart, string] {
  if (waiting === 0) return ["noDemand", "an executor holds them ready, but the queue is empty"];
  if (fits) return ["unplaced", "work that fits there is about to start"];
  const room = amounts(countsOf(free));
  return [
    "unplaced",
    `an executor holds them ready, but no waiting invocation (${waiting} in the queue) fits into the ${room} that are free there or would end in time`,
  ];
}

function whyNotHeld(view: NodeView, vacateMs: number): [IdlePart, string] {
  const { reason, executor, takesPilots } = view;
  const part = partOf(conditionOf(reason, executor?.takesWork ?? false, vacateMs));
  if (part === "completing")
    return [
      part,
      "a job is completing: Slurm does not reassign its cores until its epilogs have ended",
    ];
  if (part === "vacated" && reason !== null)
    return [part, `its executor left ahead of a planned start: ${describeReason(reason)}`];
  if (reason !== null && part !== "unseen") return [part, describeReason(reason)];
  if (part === "unseen")
    return [part, "they have just become free: the next read of Slurm will show them"];
  if (executor === null)
    return takesPilots
      ? [part, "it has no executor: gleanerd submits a pilot once waiting work would fit there"]
      : [part, "an executor is about to start"];
  const { state, forMs } = executor;
  if (state === "ready")
    return [part, "the connection to its executor is lost: gleanerd waits for it to reconnect"];
  return state === "draining"
    ? [part, "its executor is draining: a new one starts once what still runs there has ended"]
    : [part, `its executor has been ${state} for ${forMs} ms`];
}
