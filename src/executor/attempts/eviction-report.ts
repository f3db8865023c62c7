// Reports what the begin of a job cost: the work that had to go.

import type { ExecutorMessage } from "../../wire/messages.js";
import type { JobShare } from "../budget/budget.js";
import type { Ended } from "./attempt.js";

type Began = Extract<ExecutorMessage, { type: "jobBegan" }>;

/**
 * The report to the daemon, without its timing. `allGpus` are those of a job that may use any GPU.
 */
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
    lostCoreMs: evicted.reduce(
      (sum, { cores, outcome: { wallMs, shareMs } }) => sum + cores * (shareMs ?? wallMs),
      0,
    ),
  };
}
