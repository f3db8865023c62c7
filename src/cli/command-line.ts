// The options of a command line that is read as sbatch reads its own.

import type { Command } from "commander";
import { type OptionShape, parseOptions } from "./batch/getopt.js";
import { RefusedOptions } from "./batch/refusals.js";
import type { Given } from "./batch/settle.js";

/** As commander wants them: `-c, --cpus-per-task <N>`. */
export const flags = (name: string, short: string | null, metavar: string | null): string =>
  `${short === null ? "" : `-${short}, `}--${name}${metavar === null ? "" : ` <${metavar}>`}`;

/** Commander would take the script's name, or the command, as the value that may be omitted. */
export const isRegistered = ({
  takes,
  metavar,
}: OptionShape & { readonly metavar: string | null }): boolean =>
  takes !== "optionalValue" || metavar === null;

/**
 * Those that commander has found, then those of the words from the first unknown option on; with
 * the words after all options. `model`: the command of Slurm whose options these are.
 */
export function fromCommandLine(
  command: Command,
  words: readonly string[],
  known: readonly OptionShape[],
  model = "sbatch",
): [Given[], string[]] {
  const named = known.flatMap(({ name }) => {
    const option = command.options.find((each) => each.long === `--${name}`);
    const attribute = option?.attributeName() ?? "";
    // Commander keeps --no-requeue as the opposite of --requeue.
    const value: unknown = command.getOptionValue(attribute);
    const isGiven = command.getOptionValueSource(attribute) === "cli";
    if (!isGiven || (value === false) !== option!.negate) return [];
    return [{ option: name, value: typeof value === "string" ? value : "", text: `--${name}` }];
  });
  const { found, rest, problems } = parseOptions(words, known, model);
  if (problems.length > 0) throw new RefusedOptions(problems.join("\n"), []);
  const unknown = found.map(({ shape, text, value }) => ({ option: shape.name, text, value }));
  const given = [...named, ...unknown].map(({ option, text, value }) => ({
    option,
    value,
    where: text,
    source: "line" as const,
  }));
  return [given, [...rest]];
}
