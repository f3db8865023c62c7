// The words of a command line as Slurm's commands read them: options and operands in any order.

import { GleanerError } from "../../model/errors.js";
import { commandOptions } from "../../model/slurm/command-options.js";
import { type OptionShape, parseOptions } from "../batch/getopt.js";
import { readShapes } from "../batch/options/sbatch-options.js";

export interface Words {
  readonly operands: readonly string[];
  /** The last value of an option; "" for one without. */
  readonly get: (name: string) => string | undefined;
  readonly has: (name: string) => boolean;
  /** The values of an option that may be repeated, joined by commas. */
  readonly all: (name: string) => string | undefined;
}

/** What `--usage` says of each command: its operands, and what it does. */
const summaries: Readonly<Record<string, readonly [string, string]>> = {
  squeue: ["", "Lists functions that wait or run, as Slurm's squeue lists jobs."],
  sacct: ["", "Lists functions, also those that ended, as Slurm's sacct lists jobs."],
  scancel: [
    " [ID[_TASK]...]",
    "Cancels functions or sends them a signal, as scancel does to jobs.",
  ],
  sinfo: ["", "Lists the nodes and what they have for functions, as Slurm's sinfo lists them."],
  scontrol: [
    " COMMAND [ARGUMENT...]",
    "Shows functions and nodes, and holds, releases, updates and requeues functions (show, hold,\n" +
      "release, update, requeue, requeuehold, write batch_script, ping, version).",
  ],
};

export function usageOf(name: string): string {
  const [operands, summary] = summaries[name]!;
  const options = readShapes(commandOptions[name]!).map(({ name: long, short, takes }) => {
    const value = { value: "=VALUE", optionalValue: "[=VALUE]", nothing: "" }[takes];
    return `  ${short === null ? "    " : `-${short}, `}--${long}${value}\n`;
  });
  return `Usage: ${name} [OPTIONS]${operands}\n\n${summary}\n\nOptions:\n${options.join("")}`;
}

/** Every JSON document is YAML, too. */
export const asksForJson = ({ has }: Words): boolean => has("json") || has("yaml");

/** Reads what follows the name of a command; throws BAD_REQUEST with a line for each problem. */
export function readWords(name: string, words: readonly string[]): Words {
  const shapes: readonly OptionShape[] = readShapes(commandOptions[name]!);
  const operands: string[] = [];
  const found: { readonly name: string; readonly value: string }[] = [];
  for (let rest = [...words]; rest.length > 0; ) {
    const parsed = parseOptions(rest, shapes);
    if (parsed.problems.length > 0)
      throw new GleanerError(
        "BAD_REQUEST",
        parsed.problems.join("\n").replaceAll("sbatch has no", `${name} has no`),
      );
    for (const { shape, value } of parsed.found) found.push({ name: shape.name, value });
    const [operand, ...others] = parsed.rest;
    if (operand !== undefined) operands.push(operand);
    rest = others;
  }
  const valuesOf = (option: string) =>
    found.filter((each) => each.name === option).map(({ value }) => value);
  return {
    operands,
    get: (option) => valuesOf(option).at(-1),
    has: (option) => valuesOf(option).length > 0,
    all: (option) => {
      const values = valuesOf(option);
      return values.length === 0 ? undefined : values.join(",");
    },
  };
}
