// Builds the environment of a function: the user's own variables, Gleaner's, and the Slurm names
// that scripts rely on.

import { defaultPath } from "../../model/functions/settings.js";
import type { NodeName } from "../../model/ids.js";
import type { Invocation, Submission } from "../../model/invocation.js";
import { slurmNames } from "./slurm-names.js";

/** The complete environment of the process: it inherits nothing from the executor. */
export function environmentFor(
  invocation: Invocation,
  submission: Submission,
  attempt: number,
  node: NodeName,
  checkpointDirectory: string | null = null,
): Readonly<Record<string, string>> {
  const told: Record<string, string> = {};
  const { environment } = submission;
  const isOfOther =
    "SLURM_JOB_ID" in environment || "SLURM_JOBID" in environment ? isOurs : isOfJob;
  for (const [key, value] of Object.entries(environment)) if (!isOfOther(key)) told[key] = value;
  // Spreading 40 names takes V8 several times as long.
  Object.assign(told, gleanerNames(invocation, attempt, node));
  Object.assign(told, slurmNames(invocation, submission, node));
  // As in a job that Slurm requeued; absent in the first attempt.
  if (attempt > 1) told.SLURM_RESTART_COUNT = String(attempt - 1);
  if (checkpointDirectory !== null) told.GLEANER_CHECKPOINT_DIR = checkpointDirectory;
  return told;
}

/** What a function's settings may change: where programs are looked up, and the locale. */
const defaults = { PATH: defaultPath, LANG: "C.UTF-8" };

/** The part of a call's command that its worker gets to know. */
export interface CalledCode {
  readonly function: string;
  readonly version: string;
  readonly settings: { readonly environment: Readonly<Record<string, string>> };
}

/**
 * The environment of a worker, which runs many calls: it says nothing of any of them. Its node adds
 * what it knows of the user, such as HOME.
 */
export function callEnvironment(
  { cores, memoryMb }: Pick<Invocation, "cores" | "memoryMb">,
  { function: called, version, settings }: CalledCode,
  node: NodeName,
): Readonly<Record<string, string>> {
  // No job's variables reach a worker, so Slurm's names are left to the function.
  const kept = Object.entries(settings.environment).filter(([key]) => !isGleaners(key));
  return {
    ...defaults,
    ...Object.fromEntries(kept),
    GLEANER_FUNCTION: called,
    GLEANER_VERSION: version,
    GLEANER_CPUS: String(cores),
    GLEANER_MEMORY_MB: String(memoryMb),
    GLEANER_NODE: node,
    SLURMD_NODENAME: node,
  };
}

function gleanerNames(
  { id, cores, memoryMb, arrayJobId, arrayTaskId }: Invocation,
  attempt: number,
  node: NodeName,
): Record<string, string> {
  const names: Record<string, string> = {
    GLEANER_INVOCATION_ID: String(id),
    GLEANER_ATTEMPT: String(attempt),
    GLEANER_CPUS: String(cores),
    GLEANER_MEMORY_MB: String(memoryMb),
    GLEANER_NODE: node,
  };
  if (arrayJobId !== null && arrayTaskId !== null) {
    names.GLEANER_ARRAY_JOB_ID = String(arrayJobId);
    names.GLEANER_ARRAY_TASK_ID = String(arrayTaskId);
  }
  return names;
}

/**
 * A function submitted from within a batch job must not mistake that job's ids and resources for
 * its own.
 */
const isOurs = (key: string): boolean =>
  isGleaners(key) ||
  ((key.startsWith("SLURM_") || key.startsWith("SLURMD_")) && !shared.includes(key));

const isGleaners = (key: string): boolean => key.startsWith("GLEANER_") && !shared.includes(key);

/** For a shell outside of jobs; as under sbatch, its other SLURM_ names reach the function. */
const isOfJob = (key: string): boolean =>
  isOurs(key) && !/^SLURM_(?!JOB|STEP|ARRAY|HET|PACK|RESTART)/.test(key);

/** Tell programs where their configuration is and how to run, in a function as in a shell. */
const shared = ["SLURM_CONF", "GLEANER_CONF", "GLEANER_PURE_PYTHON"];
