// The variables that Slurm sets for a batch job of one node, as far as a function has their like.

import { runsOf, taskCount } from "../../model/array-tasks.js";
import { type InvocationId, maxSlurmJobId, type NodeName } from "../../model/ids.js";
import type { Invocation, Submission } from "../../model/invocation.js";

export function slurmNames(
  invocation: Invocation,
  submission: Submission,
  node: NodeName,
): Record<string, string> {
  const { cores, owner, startedAtMs, timeLimitMs } = invocation;
  const { submitHost, optionVariables = {} } = submission;
  const id = String(jobIdFor(invocation.id));
  const startedAt = Math.floor((startedAtMs ?? 0) / 1_000);
  const names: Record<string, string> = { ...optionVariables };
  Object.assign(names, {
    // A job runs in one of several partitions; as the lists say, unless the script names another.
    SLURM_JOB_PARTITION: optionVariables.SLURM_JOB_PARTITION?.split(",")[0] || "gleaner",
    ENVIRONMENT: "BATCH",
    HOSTNAME: node,
    SLURM_JOB_ID: id,
    SLURM_JOBID: id,
    SLURM_JOB_NAME: invocation.name,
    SLURM_JOB_UID: String(owner.uid),
    SLURM_JOB_USER: owner.user,
    SLURM_JOB_GID: String(owner.gid),
    SLURM_NODELIST: node,
    SLURM_JOB_NODELIST: node,
    SLURM_JOB_NUM_NODES: "1",
    SLURM_NNODES: "1",
    SLURM_CPUS_ON_NODE: String(cores),
    SLURM_JOB_CPUS_PER_NODE: String(cores),
    SLURM_NODEID: "0",
    SLURM_PROCID: "0",
    SLURM_LOCALID: "0",
    SLURM_GTIDS: "0",
    SLURM_SUBMIT_DIR: submission.submitDirectory ?? submission.workingDirectory,
    SLURMD_NODENAME: node,
  });
  // As Slurm does, it sets one of the three.
  if (!("SLURM_MEM_PER_CPU" in optionVariables || "SLURM_MEM_PER_GPU" in optionVariables))
    names.SLURM_MEM_PER_NODE = String(invocation.memoryMb);
  if (submitHost !== undefined) names.SLURM_SUBMIT_HOST = submitHost;
  if (startedAtMs !== null) {
    names.SLURM_JOB_START_TIME = String(startedAt);
    names.SLURM_JOB_END_TIME = String(startedAt + Math.ceil(timeLimitMs / 1_000));
  }
  return Object.assign(names, taskNames(cores, submission), arrayNames(invocation, submission));
}

/** Scripts have defaults of their own for numbers that were not given, so Slurm sets none then. */
const taskNames = (
  cores: number,
  { ntasks, coresPerTask }: Submission,
): Record<string, string> => ({
  ...(ntasks === undefined ? {} : { SLURM_NTASKS: String(ntasks), SLURM_NPROCS: String(ntasks) }),
  ...(coresPerTask === undefined ? {} : { SLURM_CPUS_PER_TASK: String(coresPerTask) }),
  SLURM_TASKS_PER_NODE: String(ntasks ?? Math.max(1, Math.floor(cores / (coresPerTask ?? 1)))),
});

/** Added to small ids, which earlier versions gave: the sum is the id of nothing else. */
const smallIdsFrom = 2 ** 31;

/** The id as Slurm's commands may get to see it: that of no job, whatever Gleaner's is. */
const jobIdFor = (id: InvocationId): number => (id > maxSlurmJobId ? id : smallIdsFrom + id);

function arrayNames(
  { arrayJobId, arrayTaskId }: Invocation,
  { arrayTasks, optionVariables = {} }: Submission,
): Record<string, string> {
  if (arrayJobId === null || arrayTaskId === null) return {};
  const tasks = arrayTasks ?? [arrayTaskId];
  const runs = runsOf(tasks);
  const ends = runs.map(({ task, count, step }) => task + (count - 1) * step);
  return {
    SLURM_ARRAY_JOB_ID: String(jobIdFor(arrayJobId)),
    SLURM_ARRAY_TASK_ID: String(arrayTaskId),
    SLURM_ARRAY_TASK_COUNT: String(taskCount(tasks)),
    SLURM_ARRAY_TASK_MIN: String(Math.min(...runs.map(({ task }) => task))),
    SLURM_ARRAY_TASK_MAX: String(Math.max(...ends)),
    SLURM_ARRAY_TASK_STEP:
      optionVariables.SLURM_ARRAY_TASK_STEP ?? String(runs.length === 1 ? runs[0]!.step : 1),
  };
}
