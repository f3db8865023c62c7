// The options of a function on a command line: defined, and read back as those of function.yaml.

import type { Command } from "commander";
import { deployOptions, type Given } from "./options.js";

const noForkHelp =
  "start each Python worker by itself, for imports that do not survive a fork (threads, CUDA)";

const collect = (value: string, earlier: readonly string[] = []): string[] => [...earlier, value];

/** Adds the options except those named. */
export function addFunctionOptions(command: Command, without: readonly string[] = []): void {
  for (const { name, short, metavar, help } of deployOptions) {
    if (without.includes(name)) continue;
    const flags = `${short === null ? "" : `-${short}, `}--${name} <${metavar}>`;
    if (name === "env") command.option(flags, help, collect);
    else if (name === "fork") command.option("--no-fork", noForkHelp);
    else command.option(flags, help);
  }
}

export function givenOn(command: Command): Given[] {
  return deployOptions.flatMap(({ name }): Given[] => {
    const attribute = name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
    // commander sets what was not given, too: an option with `no-` is true then.
    if (command.getOptionValueSource(attribute) !== "cli") return [];
    const value = command.getOptionValue(attribute) as string | boolean | readonly string[];
    const where = name === "fork" ? "--no-fork" : `--${name}`;
    return [value].flat().map((each) => ({ option: name, value: String(each), where }));
  });
}
