// The options of the demo and the benchmarks: an invalid one ends the program with one sentence.

import { type ParseArgsConfig, parseArgs } from "node:util";

/** Exits with 2, as for every usage error. */
export function refuse(sentence: string): never {
  process.stderr.write(`${sentence}\n`);
  process.exit(2);
}

/** Like parseArgs of node:util. `--help` prints the names of all options. */
export function readOptions<Config extends ParseArgsConfig>(
  config: Config,
): ReturnType<typeof parseArgs<Config>> {
  const names = Object.keys(config.options ?? {}).map((name) => `--${name}`);
  const known = `options: ${names.join(", ")}`;
  if (process.argv.slice(2).some((word) => word === "--help" || word === "-h")) {
    process.stdout.write(`${known}\n`);
    process.exit(0);
  }
  try {
    return parseArgs(config);
  } catch (cause) {
    // Node adds advice about positional arguments.
    const [what] = (cause as Error).message.split(". ");
    return refuse(`${what}; ${known}`);
  }
}

/** The value of an option that takes an integer of at least 1. */
export function integer(name: string, given: string): number {
  const value = Number(given);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  return refuse(`invalid value "${given}" of --${name}: expected a whole number from 1`);
}
