// The options of `glean run` and `glean shell`: those of `glean batch` that say what the command
// needs, and srun's own for its output, input and end.

import { GleanerError } from "../../model/errors.js";
import type { OptionShape } from "../batch/getopt.js";
import { batchOptions } from "../batch/options/batch-options.js";
import type { BatchSettings } from "../batch/options/option.js";
import { sbatchOptions } from "../batch/options/sbatch-options.js";
import { type Given, settle } from "../batch/settle.js";
import { quoted } from "../values.js";

/** A number: that task alone. A file of the output may be a pattern. */
export type Side = "all" | "none" | number | { readonly file: string };

export interface RunSettings {
  readonly needs: BatchSettings;
  label: boolean;
  unbuffered: boolean;
  quiet: boolean;
  pty: boolean;
  input: Side;
  output: Side;
  errors: Side;
  /** How long it may wait for a hole; null: as long as it takes. */
  immediateMs: number | null;
  /** Once a task has ended, the others have this time; null: no limit. */
  waitMs: number | null;
  killOnBadExit: boolean;
  requeue: boolean;
}

export interface RunOption extends OptionShape {
  readonly metavar: string | null;
  readonly help: string;
}

interface OwnOption extends RunOption {
  readonly set: (settings: RunSettings, value: string, where: string) => void;
}

const secondMs = 1_000;
/** Longer than any time limit. */
const maxSeconds = 2_000_000;

const flag = (
  name: string,
  short: string | null,
  help: string,
  set: (settings: RunSettings) => void,
): OwnOption => ({ name, short, takes: "nothing", metavar: null, help, set });

const own: readonly OwnOption[] = [
  flag("label", "l", "begin each line with the number of its task", (to) => {
    to.label = true;
  }),
  stream(
    "input",
    "i",
    "input",
    "all (default): every task gets standard input; a task's number; none; or a file",
  ),
  stream(
    "output",
    "o",
    "output",
    "all (default): output comes here; a task's number; none; or a file: %j, %t … are filled in",
  ),
  stream("error", "e", "errors", "the same for standard error (default: what --output says)"),
  flag("pty", null, "run the first task in a terminal", (to) => {
    to.pty = true;
  }),
  flag(
    "unbuffered",
    "u",
    "give each task a terminal for its output, which it then flushes",
    (to) => {
      to.unbuffered = true;
    },
  ),
  flag("quiet", "Q", "print no notices, only errors", (to) => {
    to.quiet = true;
  }),
  {
    name: "immediate",
    short: "I",
    takes: "optionalValue",
    metavar: null,
    help: "give up unless it starts at once; --immediate=S: within S seconds",
    set: (to, value, where) => {
      to.immediateMs = (value === "" ? 1 : secondsOf(value, where)) * secondMs;
    },
  },
  {
    name: "wait",
    short: "W",
    takes: "value",
    metavar: "S",
    help: "end the tasks that still run S seconds after the first one ended",
    set: (to, value, where) => {
      const seconds = secondsOf(value, where);
      to.waitMs = seconds === 0 ? null : seconds * secondMs;
    },
  },
  flag("kill-on-bad-exit", "K", "end all tasks once one fails", (to) => {
    to.killOnBadExit = true;
  }),
  flag("requeue", null, "start again after an eviction, whatever was printed or read", (to) => {
    to.requeue = true;
  }),
];

/** The streams are a run's own, and several runs are `glean batch`'s. */
const notOfRuns = [
  "array",
  "output",
  "error",
  "input",
  "checkpoint",
  "ignore",
  "wait",
  "parsable",
  "test-only",
];
const needs = batchOptions.filter(({ name }) => !notOfRuns.includes(name));

/** A shell has one task, in a terminal. */
const notOfShells = [
  "label",
  "input",
  "output",
  "error",
  "pty",
  "unbuffered",
  "wait",
  "kill-on-bad-exit",
  "requeue",
];
const notNeededByShells = ["ntasks", "ntasks-per-node", "gpus-per-task", "open-mode"];

export const runOptions: readonly RunOption[] = [...needs, ...own];
export const shellOptions: readonly RunOption[] = [
  ...needs.filter(({ name }) => !notNeededByShells.includes(name)),
  ...own.filter(({ name }) => !notOfShells.includes(name)),
];

/** Everything that a command line may have: srun's other options are ignored or refused. */
export const knownWith = (options: readonly RunOption[]): readonly OptionShape[] => [
  ...options,
  ...sbatchOptions.filter(
    ({ name }) => ![...options, ...batchOptions].some((each) => each.name === name),
  ),
];

/** Throws BAD_REQUEST with a line for each problem; `notes` say what is ignored, and why. */
export function settingsOf(given: readonly Given[]): { settings: RunSettings; notes: string[] } {
  const ofRun = new Map(own.map((option) => [option.name, option]));
  const settled = settle(given.filter(({ option }) => !ofRun.has(option)));
  const settings: RunSettings = {
    needs: settled.settings,
    label: false,
    unbuffered: false,
    quiet: false,
    pty: false,
    input: "all",
    output: "all",
    errors: "all",
    immediateMs: null,
    waitMs: null,
    killOnBadExit: false,
    requeue: false,
  };
  for (const { option, value, where } of given) ofRun.get(option)?.set(settings, value, where);
  if (!given.some(({ option }) => option === "error")) settings.errors = settings.output;
  return { settings, notes: [...settled.notes] };
}

function stream(
  name: string,
  short: string,
  of: "input" | "output" | "errors",
  help: string,
): OwnOption {
  const set = (to: RunSettings, value: string, where: string) => {
    to[of] = sideOf(value, where);
  };
  return { name, short, takes: "value", metavar: "WHAT", help, set };
}

function sideOf(value: string, where: string): Side {
  if (value === "all" || value === "none") return value;
  if (/^\d{1,3}$/.test(value)) return Number(value);
  if (value === "" || value.includes("\0"))
    throw usage(`${where}: invalid value ${quoted(value)}: expected all, none, a task or a file`);
  return { file: value };
}

function secondsOf(value: string, where: string): number {
  const seconds = /^\d{1,7}$/.test(value) ? Number(value) : Number.NaN;
  if (!(seconds <= maxSeconds))
    throw usage(`${where}: invalid value ${quoted(value)}: expected seconds, such as 30`);
  return seconds;
}

const usage = (sentence: string): GleanerError => new GleanerError("BAD_REQUEST", sentence);
