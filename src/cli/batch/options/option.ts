// The settings of a submission, and the form of an option that sets some of them.

import type { ArrayTasks } from "../../../model/array-tasks.js";
import type { Mail, RequestedNotice, Schedule, Where } from "../../../model/invocation.js";
import type { OptionShape } from "../getopt.js";

/** The settings of a submission; null stands for the default of the site or of sbatch. */
export interface BatchSettings {
  name: string | null;
  comment: string;
  coresPerTask: number | null;
  tasks: number | null;
  tasksPerNode: number | null;
  minCores: number;
  coresPerGpu: number | null;
  /** Whether all tasks share the cores of one. */
  overcommit: boolean;
  memoryMb: number | null;
  memoryPerCoreMb: number | null;
  memoryPerGpuMb: number | null;
  gpus: number;
  gpusPerTask: boolean;
  timeLimitMs: number | null;
  arrayTasks: ArrayTasks | null;
  stdoutPattern: string | null;
  stderrPattern: string | null;
  stdinPattern: string | null;
  /** When it may start, and where: what is said of both. */
  schedule: Schedule;
  where: Where;
  endIfNever: boolean;
  mail: Omit<Mail, "to"> | null;
  mailTo: string | null;
  /** What the user is told of values that do not do what they say. */
  notes: readonly string[];
  openMode: "append" | "truncate" | null;
  /** Limits that the function gets of the shell; null for all. */
  propagate: readonly string[] | null;
  workingDirectory: string | null;
  exported: string;
  notice: RequestedNotice | null;
  checkpoint: boolean;
  wait: boolean;
  parsable: boolean;
  /** Whether nothing is submitted: it is checked, and a node is looked for. */
  testOnly: boolean;
}

export interface BatchOption extends OptionShape {
  readonly metavar: string | null;
  readonly help: string;
  /** Checks the value and stores it; `where` names the option in error messages. */
  readonly set: (settings: BatchSettings, value: string, where: string) => void;
}

export const valued = (
  name: string,
  short: string | null,
  metavar: string,
  help: string,
  set: BatchOption["set"],
): BatchOption => ({ name, short, takes: "value", metavar, help, set });

export const flag = (
  name: string,
  short: string | null,
  help: string,
  set: (settings: BatchSettings) => void,
): BatchOption => ({ name, short, takes: "nothing", metavar: null, help, set });
