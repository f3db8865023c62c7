// The options of the demo and the benchmarks: a wrong one ends the program with one sentence.

import { type ParseArgsConfig, parseArgs } from "node:util";

/** Ends the program with exit status 2, as for every wrong use. */
export function refuse(sentence: string): never {
  process.stderr.write(`${sentence}\n`);
  process.exit(2);
}

/** As parseArgs of node:util. `--help` prints the names of all options. */
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
    // Node goes on with advice about positional arguments.
    const [what] = (cause as Error).message.split(". ");
    return refuse(`${what}; ${known}`);
  }
}

/** The value of an option that takes a whole number from 1. */
export function integer(name: string, given: string): number {
  const value = Number(given);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  return refuse(`invalid value "${given}" of --${name}: expected a whole number from 1`);
}
