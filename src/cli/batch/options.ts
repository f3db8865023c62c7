// The options of `glean batch`: one table for the command line, #GLEAN and #SBATCH, and their
// effect.

import { type ArrayTasks, compact } from "../../model/array-tasks.js";
import { GleanerError } from "../../model/errors.js";
import type { RequestedNotice } from "../../model/invocation.js";
import {
  parseArray,
  parseCores,
  parseDuration,
  parseGpus,
  parseGres,
  parseMemoryMb,
  quoted,
} from "../values.js";
import type { OptionShape } from "./directives.js";
import { parseNotice } from "./notice.js";

/** The settings of a submission; null stands for the default of the site or of sbatch. */
export interface BatchSettings {
  name: string | null;
  cores: number;
  memoryMb: number | null;
  memoryPerCoreMb: number | null;
  gpus: number;
  timeLimitMs: number | null;
  arrayTasks: ArrayTasks | null;
  stdoutPattern: string | null;
  stderrPattern: string | null;
  workingDirectory: string | null;
  exported: string;
  notice: RequestedNotice | null;
  checkpoint: boolean;
  wait: boolean;
  parsable: boolean;
}

const unsaid: Readonly<BatchSettings> = {
  name: null,
  cores: 1,
  memoryMb: null,
  memoryPerCoreMb: null,
  gpus: 0,
  timeLimitMs: null,
  arrayTasks: null,
  stdoutPattern: null,
  stderrPattern: null,
  workingDirectory: null,
  exported: "ALL",
  notice: null,
  checkpoint: false,
  wait: false,
  parsable: false,
};

export interface BatchOption extends OptionShape {
  readonly metavar: string | null;
  readonly help: string;
  /** Checks the value and stores it; `where` names the option in error messages. */
  readonly set: (settings: BatchSettings, value: string, where: string) => void;
}

/** An option from the command line or a directive. */
export interface Given {
  readonly option: string;
  readonly value: string;
  readonly where: string;
}

const valued = (
  name: string,
  short: string | null,
  metavar: string,
  help: string,
  set: BatchOption["set"],
): BatchOption => ({ name, short, takes: "value", metavar, help, set });

const flag = (
  name: string,
  short: string | null,
  help: string,
  set: (settings: BatchSettings) => void,
): BatchOption => ({ name, short, takes: "nothing", metavar: null, help, set });

export const batchOptions: readonly BatchOption[] = [
  valued(
    "job-name",
    "J",
    "NAME",
    "name in listings (default: the script's name)",
    (to, value, at) => {
      to.name = filled(value, at);
    },
  ),
  valued("cpus-per-task", "c", "N", "cores for each task (default: 1)", (to, value, at) => {
    to.cores = parseCores(value, at);
  }),
  valued(
    "mem",
    null,
    "SIZE",
    "memory for each task: 512M, 2G (default: set by the site)",
    (to, value, at) => {
      to.memoryMb = parseMemoryMb(value, at);
      to.memoryPerCoreMb = null;
    },
  ),
  valued("mem-per-cpu", null, "SIZE", "memory for each core, instead of --mem", (to, value, at) => {
    to.memoryPerCoreMb = parseMemoryMb(value, at);
    to.memoryMb = null;
  }),
  valued("gpus", "G", "N", "GPUs for each task (default: none)", (to, value, at) => {
    to.gpus = parseGpus(value, at);
  }),
  valued("gres", null, "gpu:N", "GPUs in sbatch's notation", (to, value, at) => {
    to.gpus = parseGres(value, at);
  }),
  valued(
    "gpus-per-node",
    null,
    "N",
    "the same as --gpus: a task runs on one node",
    (to, value, at) => {
      to.gpus = parseGpus(value, at);
    },
  ),
  valued("gpus-per-task", null, "N", "the same as --gpus", (to, value, at) => {
    to.gpus = parseGpus(value, at);
  }),
  valued(
    "time",
    "t",
    "TIME",
    "time limit: 5 (minutes), 1:30, 2:00:00, 500ms, 20s",
    (to, value, at) => {
      to.timeLimitMs = parseDuration(value, at);
    },
  ),
  valued("array", "a", "TASKS", "one task for each number: 0-7, 1,3,5, 0-15:4", (to, value, at) => {
    to.arrayTasks = compact(parseArray(value, at));
  }),
  valued("output", "o", "FILE", "standard output; %A, %a, %j … are expanded", (to, value, at) => {
    to.stdoutPattern = filled(value, at);
  }),
  valued(
    "error",
    "e",
    "FILE",
    "standard error (default: same file as standard output)",
    (to, value, at) => {
      to.stderrPattern = filled(value, at);
    },
  ),
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
      to.exported = filled(value, at);
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
  flag("checkpoint", null, "keep the folder $GLEANER_CHECKPOINT_DIR across evictions", (to) => {
    to.checkpoint = true;
  }),
  flag("wait", "W", "wait for the end; exit with the highest exit code of the tasks", (to) => {
    to.wait = true;
  }),
  flag("parsable", null, "print only the id", (to) => {
    to.parsable = true;
  }),
];

/** Applies options in the given order; a later one overrides an earlier one. Checks every value. */
export function settle(given: readonly Given[]): BatchSettings {
  const settings = { ...unsaid };
  for (const { option, value, where } of given)
    batchOptions.find(({ name }) => name === option)?.set(settings, value, where);
  return settings;
}

function filled(value: string, where: string): string {
  if (value === "" || value.includes("\0") || value.includes("\n"))
    throw new GleanerError(
      "BAD_REQUEST",
      `${where}: invalid value ${quoted(value)}: expected a name`,
    );
  return value;
}
