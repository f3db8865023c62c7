// What a job's begin cost: the work that had to go.

import type { ExecutorMessage } from "../../wire/messages.js";
import type { JobShare } from "../budget/budget.js";
import type { Ended } from "./attempt.js";

type Began = Extract<ExecutorMessage, { type: "jobBegan" }>;

/** What the daemon hears of it, but when. `allGpus`: those of a job that may have any. */
export function lossOf(
  { job, cpus, gpus }: JobShare,
  ended: readonly Ended[],
  totalCores: number,
  allGpus: readonly number[],
): Omit<Began, "sequence" | "tookMs" | "agoMs"> {
  const evicted = ended.filter(({ outcome }) => outcome.end === "EVICTED");
  return {
    type: "jobBegan",
    job,
    cores: cpus === 0 ? totalCores : cpus,
    gpus: gpus === "all" ? allGpus : gpus,
    evicted: evicted.map(({ key }) => key),
    lostCoreMs: evicted.reduce((sum, { cores, outcome }) => sum + cores * outcome.wallMs, 0),
  };
}
