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
 * Whether some words may mean an option. Registering all options of sbatch slows the start, so that
 * a command line is read with those that it mentions. From the first option on that is not
 * registered, such as a prefix of a name, the words are read as sbatch reads them.
 */
export const mentionedIn =
  (words: readonly string[]) =>
  ({ name, short }: OptionShape): boolean =>
    words.some(
      (word) =>
        word[0] === "-" && (word[1] === short || (word[1] === "-" && word.startsWith(name, 2))),
    );

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
  const named = command.options.flatMap((option) => {
    const attribute = option.attributeName();
    const text = option.long ?? "";
    const isGiven = command.getOptionValueSource(attribute) === "cli";
    if (!isGiven || !known.some(({ name }) => text === `--${name}`)) return [];
    // Commander keeps --no-requeue as the opposite of --requeue.
    const value: unknown = command.getOptionValue(attribute);
    if ((value === false) !== option.negate) return [];
    return [{ option: text.slice(2), value: typeof value === "string" ? value : "", text }];
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
