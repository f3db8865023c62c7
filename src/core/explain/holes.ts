// Why idle cores of a node run nothing now: each of them in exactly one answer, as in the idle report.

import type { UnusableReason } from "../../model/capacity/hole.js";
import type { NodeName } from "../../model/ids.js";
import type { IdlePart, UnusedCores } from "../../model/records/idle.js";
import type { Resources } from "../../model/resources.js";
import { conditionOf, partOf } from "../accounting/idle.js";
import { amounts, describeReason } from "./waiting.js";

/** A node as it stands. */
export interface NodeView {
  readonly node: NodeName;
  /** Cores that no batch job holds. */
  readonly idleCores: number;
  /** What the last plan said of it; null: it has a hole. */
  readonly reason: UnusableReason | null;
  readonly executor: ExecutorView | null;
}

export interface ExecutorView {
  readonly takesWork: boolean;
  readonly state: string;
  readonly forMs: number;
  readonly budget: Resources;
  readonly usedCores: number;
  readonly free: Resources;
}

/** What waits, seen from one executor. */
export interface DemandView {
  readonly waiting: number;
  /** Whether anything that waits fits into what is free there and would end before what is planned there. */
  readonly fits: boolean;
}

/** The idle cores of a node that run nothing, and why; none: there are none. */
export function explainUnused(
  view: NodeView,
  demand: DemandView,
  vacateMs: number,
): readonly UnusedCores[] {
  const { node, executor } = view;
  const budget = executor?.takesWork ? executor.budget.cores : 0;
  const held = Math.min(view.idleCores, budget);
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
  if (waiting === 0) return ["noDemand", "an executor holds them ready, and nothing waits"];
  if (fits) return ["unplaced", "work that fits is about to start there"];
  const room = amounts({ ...free, gpus: free.gpus.length });
  return [
    "unplaced",
    `an executor holds them ready, but nothing that waits (${waiting}) fits into the ${room} that are free there, or would end in time`,
  ];
}

function whyNotHeld({ reason, executor }: NodeView, vacateMs: number): [IdlePart, string] {
  const part = partOf(conditionOf(reason, executor?.takesWork ?? false, vacateMs));
  if (part === "completing")
    return [part, "a job is leaving: Slurm gives its cores to nobody until its epilogs have ended"];
  if (part === "vacated" && reason !== null)
    return [part, `its executor left in time: ${describeReason(reason)}`];
  if (reason !== null && part !== "unseen") return [part, describeReason(reason)];
  if (part === "unseen")
    return [part, "they became free just now: the next read of Slurm will show it"];
  if (executor === null) return [part, "an executor is about to be started"];
  const { state, forMs } = executor;
  return state === "ready"
    ? [part, "the connection to its executor is lost, and it is waited for"]
    : [part, `its executor is ${state}, for ${forMs} ms now`];
}
