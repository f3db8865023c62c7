// What shells offer for the options and arguments of `glean`, the same in bash, zsh and fish.

import { fieldNames } from "../../../src/cli/formats/sacct.js";
import { ownStates, slurmStates } from "../../../src/cli/formats/states.js";
import { slurmCommands } from "../../../src/cli/slurm/commands.js";
import type { CommandText, Term } from "../commands.js";

/** Words, and what the shell looks up: `@files`, or a source that it asks for. */
export type Offers = readonly string[];

export interface OptionOffers {
  /** Such as `-c` and `--cpus-per-task`. */
  readonly words: readonly string[];
  readonly description: string;
  /** null if it takes no value. */
  readonly value: Offers | null;
}

export interface CommandOffers {
  /** Below glean: empty, `batch` or `function deploy`. */
  readonly path: string;
  readonly summary: string;
  readonly options: readonly OptionOffers[];
  /** By position. */
  readonly args: readonly { readonly name: string; readonly offers: Offers }[];
  /** Whether the last argument may be repeated. */
  readonly isVariadic: boolean;
  /** Whether options after the first argument are those of another program. */
  readonly passesOptions: boolean;
  readonly parts: readonly CommandOffers[];
}

/** In offers: the values are a list, separated by commas. */
export const list = ",";

/** Commands whose output has the words of a source, for each shell. */
export const sources: Readonly<Record<string, string>> = {
  "@ids": "glean queue --me -h -o %F 2>/dev/null | sort -u",
  "@past": "glean acct --me -n -P -o JobID 2>/dev/null | sed 's/[_+.].*//' | sort -u",
  "@functions": 'glean function list -n 2>/dev/null | sed "s/ .*//; s,^$USER/,,"',
  "@leases": "glean lease list -n 2>/dev/null | sed 's/ .*//'",
  "@nodes": "glean info -h -N -o %N 2>/dev/null",
};

const states = slurmStates.filter((state) => ownStates(state).length > 0);
const none: Offers = [];

/** By the word in the option's brackets. */
const byMetavar: Readonly<Record<string, Offers>> = {
  FILE: ["@files"],
  FOLDER: ["@folders"],
  HANDLER: ["@files"],
  ID: ["@past"],
  IDS: [list, "@past"],
  INPUT: ["@files"],
  NODE: ["@nodes"],
  NODES: [list, "@nodes"],
  PATH: ["@files"],
  STATE: states,
  STATES: [list, ...states],
  USER: ["@users"],
  "yes|no": ["yes", "no"],
};

/** By the option's long name, where that says more. */
const byOption: Readonly<Record<string, Offers>> = {
  arrivals: ["saturating", "trace"],
  check: ["hole", "local", "none"],
  error: ["@files"],
  export: ["ALL", "NONE"],
  input: ["@files"],
  launcher: ["local", "ssh", "pilot"],
  "mail-type": [list, "ALL", "ARRAY_TASKS", "BEGIN", "END", "FAIL", "NONE"],
  "open-mode": ["append", "truncate"],
  output: ["@files"],
  policy: ["prediction", "none", "checkpoint", "whole-nodes", "known-ends"],
  propagate: [list, "ALL", "NONE"],
  runtime: ["node", "python", "native", "exec"],
  share: ["none", "all", "group:"],
  signal: ["HUP", "INT", "KILL", "TERM", "USR1", "USR2"],
  units: ["K", "M", "G", "T", "P"],
};

const fields = fieldNames().trim().split(/\s+/);

/** By the option's command and its long name. */
const byCommandAndOption: Readonly<Record<string, Offers>> = {
  "acct format": [list, ...fields],
};

/** By the argument's name. */
const byArgument: Readonly<Record<string, Offers>> = {
  arguments: ["@files"],
  command: ["@programs"],
  folder: ["@folders"],
  function: ["@functions"],
  id: ["@past"],
  ids: ["@ids"],
  lease: ["@leases"],
  node: ["@nodes"],
  nodes: ["@nodes", "all"],
  path: ["@files"],
  script: ["@files"],
  with: ["none", "all", "group:"],
};

/** By the argument's command and its name. */
const byCommandAndArgument: Readonly<Record<string, Offers>> = {
  "as name": slurmCommands.map(({ name }) => name),
  "explain what": ["@ids", "@nodes", "hole"],
  "function test function": ["@functions", "@files"],
  "report kind": ["utilization", "idle", "prediction", "adoption"],
  "show id": ["@past", "job", "node", "function"],
  "show names": ["@functions", "@nodes"],
  "token what": ["revoke"],
};

export function offersOf(command: CommandText): CommandOffers {
  const path = command.name.split(" ").slice(1).join(" ");
  return {
    path,
    summary: command.summary,
    options: command.options.map((option) => optionOffers(path, option)),
    args: command.args.map(({ term: name }) => ({
      name,
      offers: byCommandAndArgument[`${path} ${name}`] ?? byArgument[name] ?? none,
    })),
    isVariadic: command.isVariadic,
    passesOptions: command.passesOptions,
    parts: command.commands.map(offersOf),
  };
}

/** `-c, --cpus-per-task <N>` has two words and a value. */
function optionOffers(path: string, { term, description }: Term): OptionOffers {
  const words = term.match(/(?<=^|\s)--?[A-Za-z][\w-]*/g) ?? [];
  const metavar = /<(.+)>$/.exec(term)?.[1];
  const name = words.at(-1)!.slice(2);
  const known =
    byCommandAndOption[`${path} ${name}`] ?? byOption[name] ?? byMetavar[metavar ?? ""] ?? none;
  return { words, description, value: metavar === undefined ? null : known };
}

/** A command and all below it. */
export const withParts = (command: CommandOffers): CommandOffers[] => [
  command,
  ...command.parts.flatMap(withParts),
];
