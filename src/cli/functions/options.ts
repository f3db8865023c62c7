// The options of `glean function deploy`: one table for the command line and function.yaml, and
// their effect.

import { GleanerError } from "../../model/errors.js";
import {
  type FunctionRuntime,
  isSharing,
  type RequestedSettings,
  runtimes,
  type Sharing,
  unsetSettings,
} from "../../model/functions/settings.js";
import { parseCores, parseDuration, parseGpus, parseMemoryMb, quoted } from "../values.js";

/** Where a deploy loads the code before it records it. */
const checks = ["hole", "local", "none"] as const;
type Check = (typeof checks)[number];

/** What is deployed, as far as it was said. */
export interface DeploySettings {
  /** null: guessed from the files. */
  runtime: FunctionRuntime | null;
  /** null: as before. */
  sharing: Sharing | null;
  check: Check;
  settings: { -readonly [Key in keyof RequestedSettings]: RequestedSettings[Key] };
}

export interface DeployOption {
  /** Without dashes; also the key in function.yaml. */
  readonly name: string;
  readonly short: string | null;
  readonly metavar: string;
  readonly help: string;
  /** Checks the value and stores it; `where` names the option in error messages. */
  readonly set: (to: DeploySettings, value: string, where: string) => void;
}

/** An option from the command line or function.yaml. */
export interface Given {
  readonly option: string;
  readonly value: string;
  readonly where: string;
}

const maxCount = 10_000;
const maxConcurrency = 1_000;
const bad = (sentence: string): GleanerError => new GleanerError("BAD_REQUEST", sentence);

const option = (
  name: string,
  short: string | null,
  metavar: string,
  help: string,
  set: DeployOption["set"],
): DeployOption => ({ name, short, metavar, help, set });

export const deployOptions: readonly DeployOption[] = [
  option(
    "runtime",
    null,
    "NAME",
    "the language: node, python, native or exec (default: guessed from the files)",
    (to, value, at) => {
      to.runtime = parseRuntime(value, at);
    },
  ),
  option(
    "handler",
    null,
    "HANDLER",
    "what is called: FILE:SYMBOL, or FILE (default: the runtime's usual names)",
    ({ settings }, value, at) => {
      settings.handler = filled(value, at);
    },
  ),
  option("cpus-per-task", "c", "N", "cores for each worker (default: 1)", (to, value, at) => {
    to.settings.cores = parseCores(value, at);
  }),
  option(
    "mem",
    null,
    "SIZE",
    "memory for each worker: 512M, 2G (default: set by the site)",
    ({ settings }, value, at) => {
      settings.memoryMb = parseMemoryMb(value, at);
    },
  ),
  option("gpus", "G", "N", "GPUs for each worker (default: none)", ({ settings }, value, at) => {
    const { gpus, type } = parseGpus(value, at);
    if (type !== null)
      throw new GleanerError("BAD_REQUEST", `${at}: workers get GPUs of any type: omit ${type}:`);
    settings.gpus = gpus;
  }),
  option(
    "time",
    "t",
    "TIME",
    "time limit of a call: 5 (minutes), 1:30, 500ms, 20s (default: set by the site)",
    ({ settings }, value, at) => {
      settings.timeLimitMs = parseDuration(value, at);
    },
  ),
  option(
    "concurrency",
    null,
    "N",
    "calls that a worker may run at once (default: 1; node and python)",
    ({ settings }, value, at) => {
      settings.concurrency = parseCount(value, 1, maxConcurrency, at);
    },
  ),
  option(
    "env",
    null,
    "NAME=VALUE",
    "a variable for the workers; may be repeated",
    ({ settings }, value, at) => {
      settings.environment = { ...settings.environment, ...parseVariable(value, at) };
    },
  ),
  option(
    "min-warm",
    null,
    "N",
    "workers to keep warm even if nobody calls; each start is billed (default: 0)",
    ({ settings }, value, at) => {
      settings.minWarm = parseCount(value, 0, maxCount, at);
    },
  ),
  option(
    "idle-timeout",
    null,
    "TIME",
    "how long an idle worker is kept (default: learned from the calls)",
    ({ settings }, value, at) => {
      settings.idleTimeoutMs = parseDuration(value, at);
    },
  ),
  option(
    "share",
    null,
    "WITH",
    "who else may call it: none, all or group:NAME (default: as before)",
    (to, value, at) => {
      to.sharing = parseSharing(value, at);
    },
  ),
  option(
    "check",
    null,
    "WHERE",
    "where to load the code first: hole, local (this machine) or none (default: hole)",
    (to, value, at) => {
      to.check = parseCheck(value, at);
    },
  ),
  option(
    "python",
    null,
    "PATH",
    "the Python interpreter, such as that of a venv (default: python3)",
    ({ settings }, value, at) => {
      settings.python = absolute(value, at);
    },
  ),
  option(
    "setup",
    null,
    "COMMANDS",
    "shell commands to run where workers start: 'module load hdf5'",
    ({ settings }, value, at) => {
      settings.setup = filled(value, at);
    },
  ),
  option(
    "image",
    null,
    "PATH",
    "a container image, a file or a folder, in which workers start",
    ({ settings }, value, at) => {
      settings.image = absolute(value, at);
    },
  ),
  option(
    "fork",
    null,
    "BOOLEAN",
    "whether workers are forked from a parent that has the imports done (default: true)",
    ({ settings }, value, at) => {
      settings.fork = parseBoolean(value, at);
    },
  ),
];

/** Applies options in the given order; a later one overrides an earlier one. Checks every value. */
export function settle(given: readonly Given[]): DeploySettings {
  const to: DeploySettings = {
    runtime: null,
    sharing: null,
    check: "hole",
    settings: { ...unsetSettings, runtime: "exec" },
  };
  for (const { option, value, where } of given)
    deployOptions.find(({ name }) => name === option)?.set(to, value, where);
  return to;
}

function parseRuntime(text: string, where: string): FunctionRuntime {
  const found = runtimes.find((each) => each === text);
  if (found === undefined)
    throw bad(
      `${where}: unknown runtime ${quoted(text)}: expected ${runtimes.slice(0, -1).join(", ")} or ${runtimes.at(-1)}`,
    );
  return found;
}

export function parseSharing(text: string, where: string): Sharing {
  if (isSharing(text)) return text;
  throw bad(`${where}: invalid value ${quoted(text)}: expected none, all or group:NAME`);
}

function parseCheck(text: string, where: string): Check {
  const found = checks.find((each) => each === text);
  if (found !== undefined) return found;
  throw bad(`${where}: invalid value ${quoted(text)}: expected hole, local or none`);
}

function parseCount(text: string, least: number, most: number, where: string): number {
  const count = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(count >= least && count <= most))
    throw bad(`${where}: invalid number ${quoted(text)}: expected ${least} to ${most}`);
  return count;
}

function parseVariable(text: string, where: string): Record<string, string> {
  const at = text.indexOf("=");
  if (at < 1) throw bad(`${where}: invalid variable ${quoted(text)}: expected NAME=VALUE`);
  return { [text.slice(0, at)]: text.slice(at + 1) };
}

function parseBoolean(text: string, where: string): boolean {
  if (text === "true" || text === "false") return text === "true";
  throw bad(`${where}: invalid value ${quoted(text)}: expected true or false`);
}

/** A path on the nodes, which may not exist here. */
function absolute(text: string, where: string): string {
  if (text.startsWith("/")) return filled(text, where);
  throw bad(`${where}: ${quoted(text)} is not absolute: give a path that the nodes have`);
}

function filled(text: string, where: string): string {
  if (text.trim() === "" || text.includes("\0"))
    throw bad(`${where}: invalid value ${quoted(text)}: expected some text`);
  return text;
}
