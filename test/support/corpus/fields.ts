// What a script asks for: as Gleaner reads it, and as `scontrol -o show job` shows it of a job.

import type { BatchSettings } from "../../../src/cli/batch/options/option.js";
import { readSettings } from "../../../src/cli/batch/read.js";
import { sizesOf } from "../../../src/cli/batch/sizes.js";
import { parseArray, parseMemoryMb, parseTimeLimit } from "../../../src/cli/values.js";
import { formatClock, formatWhen } from "../../../src/cli/when.js";
import { taskCount } from "../../../src/model/array-tasks.js";
import { invocationId, nodeName } from "../../../src/model/ids.js";
import { newInvocation } from "../../../src/model/records/invocation.js";
import { outputPath } from "../../../src/model/records/output-paths.js";

/** The fields of a job by name, as in `NumCPUs`. */
type Job = Readonly<Record<string, string>>;

/** A value ends before the next name. */
export const readJob = (line: string): Job =>
  Object.fromEntries(
    [...line.matchAll(/(\S+?)=(.*?)(?= [A-Z][\w/:&]*=|\s*$)/g)].map(([, name, value]) => [
      name!,
      value!,
    ]),
  );

/** Of the nodes of the cluster that gets the scripts; Slurm divides their memory by default. */
export const nodeMemoryMb = 2_000_000;
export const nodeCpus = 64;
const cpusOfAll = 2 * nodeCpus;

const minuteMs = 60_000;
/** scontrol shows it where the number of a task will be. */
const anyTask = 4_294_967_294;
/** scontrol leaves these as they are. */
const notExpanded = /%[J\dN%]|\\/;

/** Files as scontrol shows them before the start. */
function filesOf(settings: BatchSettings, name: string, job: Job) {
  const id = invocationId(Number(job.JobId));
  const isArray = settings.arrayTasks !== null;
  const invocation = newInvocation({
    ...{ id, name, cores: 1, memoryMb: 1, gpus: 0, timeLimitMs: 1, submittedAtMs: 0 },
    arrayJobId: isArray ? id : null,
    arrayTaskId: isArray ? anyTask : null,
    owner: { uid: 0, gid: 0, user: "root" },
  });
  const folder = settings.workingDirectory ?? job.WorkDir!;
  const file = (pattern: string | null, shown: string) =>
    notExpanded.test(pattern ?? "")
      ? shown
      : outputPath(pattern, invocation, nodeName("n1"), folder);
  const { stdoutPattern, stderrPattern } = settings;
  return {
    folder,
    output: file(stdoutPattern, job.StdOut!),
    errors: file(stderrPattern ?? stdoutPattern, job.StdErr!),
  };
}

/** What Gleaner leaves to the site is as the job has it. */
export function ownFields(text: string, job: Job) {
  const { settings } = readSettings(text, "job.sh", [], {});
  const { schedule, where, timeLimitMs, arrayTasks } = settings;
  const { cores, gpus, memoryMb, memoryPerCoreMb } = sizesOf(settings);
  const name = settings.name ?? job.JobName!;
  const ofCoresMb = memoryPerCoreMb === null ? null : memoryPerCoreMb * cores;
  return {
    ...filesOf(settings, name, job),
    name,
    cores: where.exclusive ? coresOf(job) : cores,
    memoryMb: memoryMb ?? ofCoresMb,
    gpus,
    timeLimit:
      timeLimitMs === null || timeLimitMs === longestMs
        ? job.TimeLimit
        : formatClock(Math.ceil(timeLimitMs / minuteMs) * minuteMs),
    features: where.constraint ?? "(null)",
    node: where.node ?? "(null)",
    exclude: where.exclude ?? "(null)",
    isExclusive: where.exclusive ?? false,
    tasks: arrayTasks === null ? 0 : taskCount(arrayTasks),
    mostRunning: schedule.mostRunning ?? null,
    conditions: schedule.dependency?.on.length ?? 0,
    isDelayed: schedule.beginAtMs !== undefined,
    deadline: schedule.deadlineAtMs === undefined ? "N/A" : formatWhen(schedule.deadlineAtMs),
    once: schedule.once ?? false,
  };
}
const longestMs = parseTimeLimit("UNLIMITED", "");

export function jobFields(job: Job): ReturnType<typeof ownFields> {
  const { ArrayTaskId, ArrayTaskThrottle, Dependency = "" } = job;
  return {
    folder: job.WorkDir!,
    output: job.StdOut!,
    errors: job.StdErr!,
    name: job.JobName!,
    cores: coresOf(job),
    memoryMb: memoryOf(job),
    gpus: gpusOf(job),
    timeLimit: job.TimeLimit,
    features: job.Features!,
    node: job.ReqNodeList!,
    exclude: job.ExcNodeList!,
    isExclusive: job.OverSubscribe === "NO",
    tasks: ArrayTaskId === undefined ? 0 : taskCount(parseArray(ArrayTaskId, "").numbers),
    mostRunning: ArrayTaskThrottle === undefined ? null : Number(ArrayTaskThrottle),
    conditions: Dependency === "(null)" ? 0 : Dependency.split(/[,?]/).length,
    isDelayed: job.EligibleTime !== "Unknown",
    deadline: job.Deadline!,
    once: job.Requeue === "0",
  };
}

const lastNumber = (tres: string): number => Number(/:(\d+)$/.exec(tres)?.[1] ?? 1);

function gpusOf({ TresPerNode, TresPerJob, TresPerTask, NumTasks }: Job): number {
  const tres = TresPerNode ?? TresPerJob ?? TresPerTask;
  if (tres === undefined) return 0;
  return lastNumber(tres) * (TresPerTask === undefined ? 1 : Number(NumTasks));
}

/** Before the start NumCPUs does not count what GPUs bring. */
const coresOf = (job: Job): number =>
  Math.max(
    Number(job.NumCPUs),
    job.CpusPerTres === undefined ? 1 : lastNumber(job.CpusPerTres) * gpusOf(job),
  );

/** null for Slurm's default. */
function memoryOf(job: Job): number | null {
  const { MinMemoryNode, MinMemoryCPU, MemPerTres } = job;
  if (MemPerTres !== undefined) return lastNumber(MemPerTres) * gpusOf(job);
  if (MinMemoryNode === "0") return 0;
  if (MinMemoryNode !== undefined) return parseMemoryMb(MinMemoryNode, "");
  const perCpuMb = MinMemoryCPU === undefined ? null : parseMemoryMb(MinMemoryCPU, "");
  const isDefault = perCpuMb === null || perCpuMb === nodeMemoryMb / cpusOfAll;
  return isDefault ? null : perCpuMb * Number(job.NumCPUs);
}
