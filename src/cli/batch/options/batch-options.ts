// The options of `glean batch`: one table for the command line, directives and variables, and their
// effect.

import { compact } from "../../../model/array-tasks.js";
import { GleanerError } from "../../../model/errors.js";
import {
  type AskedGpus,
  asksForAllMemory,
  parseArray,
  parseCores,
  parseGpus,
  parseGres,
  parseMemoryMb,
  parseTasks,
  parseTimeLimit,
  quoted,
} from "../../values.js";
import { parseNotice } from "./notice.js";
import { type BatchOption, type BatchSettings, flag, valued } from "./option.js";
import { termOptions } from "./term-options.js";

const unsaid: Readonly<BatchSettings> = {
  name: null,
  comment: "",
  coresPerTask: null,
  tasks: null,
  tasksPerNode: null,
  minCores: 1,
  coresPerGpu: null,
  overcommit: false,
  memoryMb: null,
  memoryPerCoreMb: null,
  memoryPerGpuMb: null,
  gpus: 0,
  gpusPerTask: false,
  timeLimitMs: null,
  arrayTasks: null,
  stdoutPattern: null,
  stderrPattern: null,
  stdinPattern: null,
  schedule: {},
  where: {},
  endIfNever: false,
  mail: null,
  mailTo: null,
  notes: [],
  openMode: null,
  propagate: null,
  workingDirectory: null,
  exported: "ALL",
  notice: null,
  checkpoint: false,
  wait: false,
  parsable: false,
  testOnly: false,
};

export const batchOptions: readonly BatchOption[] = [
  valued(
    "job-name",
    "J",
    "NAME",
    "name in listings (default: the script's or program's name)",
    (to, value, at) => {
      to.name = value === "" ? null : filled(value, at);
    },
  ),
  valued("cpus-per-task", "c", "N", "cores for each task (default: 1)", (to, value, at) => {
    to.coresPerTask = parseCores(value, at);
  }),
  valued("ntasks", "n", "N", "tasks on one node, -c cores each (default: 1)", (to, value, at) => {
    to.tasks = parseTasks(value, at);
  }),
  valued("ntasks-per-node", null, "N", "the same as --ntasks", (to, value, at) => {
    to.tasksPerNode = parseTasks(value, at);
  }),
  valued("mincpus", null, "N", "at least this many cores", (to, value, at) => {
    to.minCores = parseCores(value, at);
  }),
  flag("overcommit", "O", "all tasks share the cores of one", (to) => {
    to.overcommit = true;
  }),
  valued("cpus-per-gpu", null, "N", "cores for each GPU, without -c", (to, value, at) => {
    to.coresPerGpu = parseCores(value, at);
  }),
  valued(
    "mem",
    null,
    "SIZE",
    "memory of the function: 512M, 2G, 0 for all of a node (default: set by the site)",
    (to, value, at) => {
      to.memoryMb = asksForAllMemory(value) ? 0 : parseMemoryMb(value, at);
    },
  ),
  valued("mem-per-cpu", null, "SIZE", "memory for each core, instead of --mem", (to, value, at) => {
    if (asksForAllMemory(value))
      to.memoryMb = 0; // as sbatch has it
    else to.memoryPerCoreMb = parseMemoryMb(value, at);
  }),
  valued("mem-per-gpu", null, "SIZE", "memory for each GPU, instead of --mem", (to, value, at) => {
    to.memoryPerGpuMb = parseMemoryMb(value, at);
  }),
  valued(
    "gpus",
    "G",
    "N",
    "GPUs of the function, as in 2 or a100:2 (default: none)",
    (to, value, at) => {
      setGpus(to, parseGpus(value, at));
    },
  ),
  valued(
    "gres",
    null,
    "LIST",
    "GPUs and resources that Slurm counts, as in gpu:a100:2,nvme:1",
    (to, value, at) => {
      const { gpus, counts } = parseGres(value, at);
      if (gpus !== null) setGpus(to, gpus);
      const { gres: _, ...where } = to.where;
      to.where = Object.keys(counts).length > 0 ? { ...where, gres: counts } : where;
    },
  ),
  valued(
    "gpus-per-node",
    null,
    "N",
    "the same as --gpus: a task runs on one node",
    (to, value, at) => {
      setGpus(to, parseGpus(value, at));
    },
  ),
  valued("gpus-per-task", null, "N", "GPUs for each of the tasks of -n", (to, value, at) => {
    setGpus(to, parseGpus(value, at));
    to.gpusPerTask = true;
  }),
  valued(
    "time",
    "t",
    "TIME",
    "time limit: 5 (minutes), 1:30, 2:00:00, 500ms, 20s",
    (to, value, at) => {
      to.timeLimitMs = parseTimeLimit(value, at);
    },
  ),
  valued("array", "a", "TASKS", "one task for each number: 0-7, 1,3,5, 0-15:4, 0-99%5", setArray),
  ...termOptions,
  valued("output", "o", "FILE", "standard output; %A, %a, %j … are expanded", (to, value, at) => {
    to.stdoutPattern = fileName(value, at);
  }),
  valued(
    "error",
    "e",
    "FILE",
    "standard error (default: same file as standard output)",
    (to, value, at) => {
      to.stderrPattern = fileName(value, at);
    },
  ),
  valued("input", "i", "FILE", "standard input (default: /dev/null)", (to, value, at) => {
    to.stdinPattern = fileName(value, at);
  }),
  valued("open-mode", null, "MODE", "append to the output files, or truncate", (to, value, at) => {
    to.openMode = parseOpenMode(value, at);
  }),
  {
    ...valued(
      "propagate",
      null,
      "LIMITS",
      "limits of the shell: ALL, NONE, NOFILE,STACK",
      setPropagate,
    ),
    takes: "optionalValue",
  },
  valued(
    "chdir",
    "D",
    "FOLDER",
    "working directory (default: the current one)",
    (to, value, at) => {
      to.workingDirectory = filled(value, at);
    },
  ),
  valued(
    "export",
    null,
    "WHAT",
    "ALL (default), NONE, VAR,VAR2=value or ALL,VAR=value",
    (to, value, at) => {
      // As for sbatch, nothing is an empty list.
      to.exported = value === "" ? "NONE" : filled(value, at);
    },
  ),
  valued(
    "signal",
    null,
    "[B:]SIG[@S]",
    "send this signal S seconds before the function must stop; B: to the script only",
    (to, value, at) => {
      to.notice = parseNotice(value, at);
    },
  ),
  {
    ...flag(
      "checkpoint",
      null,
      "keep the folder $GLEANER_CHECKPOINT_DIR across evictions",
      (to) => {
        to.checkpoint = true;
      },
    ),
    since: "Gleaner",
  },
  {
    ...valued(
      "ignore",
      null,
      "OPTIONS",
      "leave out these #SBATCH options: licenses,mail-type",
      () => {
        // settle.ts leaves them out.
      },
    ),
    since: "Gleaner",
  },
  flag("wait", "W", "wait for the end; exit with the highest exit code of the tasks", (to) => {
    to.wait = true;
  }),
  flag("test-only", null, "say where it would run now, and submit nothing", (to) => {
    to.testOnly = true;
  }),
  flag("parsable", null, "print only the id", (to) => {
    to.parsable = true;
  }),
];

/** Applies options, each at most once; `onInvalid` gets what is wrong with a value. */
export function settingsFrom<Given extends { option: string; value: string; where: string }>(
  given: readonly Given[],
  onInvalid: (given: Given, thrown: unknown) => void,
): BatchSettings {
  const settings = { ...unsaid };
  for (const each of given)
    try {
      batchOptions.find(({ name }) => name === each.option)!.set(settings, each.value, each.where);
    } catch (thrown) {
      onInvalid(each, thrown);
    }
  return settings;
}

function setGpus(to: BatchSettings, { gpus, type }: AskedGpus): void {
  const { gpuType: _, ...where } = to.where;
  to.gpus = gpus;
  to.where = type === null ? where : { ...where, gpuType: type };
}

/** As for sbatch, no tasks are no array. */
function setArray(to: BatchSettings, value: string, where: string): void {
  if (value === "") return;
  const { numbers, mostRunning } = parseArray(value, where);
  to.arrayTasks = compact(numbers);
  if (mostRunning !== null) to.schedule = { ...to.schedule, mostRunning };
}

const limits = "all none as core cpu data fsize memlock nofile nproc rss stack".split(" ");

function setPropagate(to: BatchSettings, value: string, where: string): void {
  const names = value.toLowerCase().replaceAll("rlimit_", "").split(",");
  const unknown = value === "" ? undefined : names.find((name) => !limits.includes(name));
  if (unknown !== undefined)
    throw invalid(where, `limit ${quoted(unknown)}: expected some of ${limits.join(", ")}`);
  to.propagate = value === "" || names.includes("all") ? null : names;
}

function parseOpenMode(value: string, where: string): "append" | "truncate" {
  const mode = { a: "append", append: "append", t: "truncate", truncate: "truncate" } as const;
  const found = mode[value.toLowerCase() as keyof typeof mode];
  if (found === undefined)
    throw invalid(where, `value ${quoted(value)}: expected append or truncate`);
  return found;
}

/** As for sbatch, `none` is no file. */
const fileName = (value: string, where: string): string =>
  /^none$/i.test(value) ? "/dev/null" : filled(value, where);

function filled(value: string, where: string): string {
  if (value === "" || value.includes("\0") || value.includes("\n"))
    throw invalid(where, `value ${quoted(value)}: expected a name`);
  return value;
}

const invalid = (where: string, what: string): GleanerError =>
  new GleanerError("BAD_REQUEST", `${where}: invalid ${what}`);
