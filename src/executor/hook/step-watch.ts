// Watches slurmd's spool folder for job steps that start on the node, to find jobs that ran no
// prolog.
//
// Slurm 22.05 may start a requeued job a second time without a prolog, when it returns to the same
// node within two minutes (`scontrol update StartTime=now`): slurmd still has the job's old
// credential.

import { type FSWatcher, readdirSync, statSync, watch } from "node:fs";
import { join } from "node:path";
import { machineMonotonicNs, nowMs } from "../../clock.js";
import { messageOf } from "../../model/errors.js";
import { type JobId, jobId, type NodeName } from "../../model/ids.js";
import type { BeginLine } from "./socket.js";

/** Older steps were there when Slurm was read for the launch, and the order includes their jobs. */
const recentMs = 60_000;
/** The default waiting time of a site's hook. */
const answerMs = 100;
const maxJobId = 4_294_967_295;
/**
 * The extern step runs no task of the job. With PrologFlags=RunInJob it carries the prolog, so it
 * starts before the hook.
 */
const externStep = "4294967292";

export interface StepWatch {
  close(): void;
}

/**
 * Calls `began` for each step that starts, and for steps that started shortly before. `trouble`
 * receives one sentence if the folder cannot be watched: then jobs without a prolog go unnoticed
 * until gleanerd reads Slurm.
 */
export function watchSteps(
  folder: string,
  node: NodeName,
  began: (job: JobId) => void,
  trouble: (what: string) => void,
): StepWatch {
  const look = (name: string | null): void => {
    const job = name === null ? null : jobOfStep(name, node);
    if (job !== null && isRecent(join(folder, name!))) began(job);
  };
  let watcher: FSWatcher;
  const give = (cause: unknown) => trouble(`cannot watch ${folder}: ${messageOf(cause)}`);
  try {
    watcher = watch(folder, { persistent: false }, (_event, name) => look(name));
    watcher.on("error", give);
    for (const name of readdirSync(folder)) look(name);
  } catch (cause) {
    give(cause);
    return { close: () => {} };
  }
  return { close: () => watcher.close() };
}

/**
 * The job of `<node>_<job>.<step>`, a slurmstepd's socket, or of `job<id>`, the folder of a batch
 * script, which is created earlier; null for any other file, and for the extern step.
 */
export function jobOfStep(name: string, node: NodeName): JobId | null {
  const ofSocket = name.startsWith(`${node}_`) ? name.slice(node.length + 1) : "";
  const socket = /^(\d{1,10})\.(\d{1,10})/.exec(ofSocket);
  if (socket?.[2] === externStep) return null;
  const found = socket ?? /^job0{0,4}([1-9]\d{0,9})(?:\.\d+)?$/.exec(name);
  const id = Number(found?.[1] ?? 0);
  return id >= 1 && id <= maxJobId ? jobId(id) : null;
}

/** The assumed line for a job without a prolog: it may have the whole node. */
export const beginOf = (job: JobId): BeginLine => ({
  kind: "begin",
  job: { job, cpus: 0, gpus: "all" },
  answerMs,
  startNs: machineMonotonicNs(),
});

/** Returns false if it is gone, too. */
function isRecent(path: string): boolean {
  const changedAtMs = statSync(path, { throwIfNoEntry: false })?.ctimeMs ?? 0;
  return nowMs() - changedAtMs < recentMs;
}
