// The options of a command line that is read as sbatch reads its own.

import type { Command } from "commander";
import { GleanerError } from "../model/errors.js";
import { type OptionShape, parseOptions } from "./batch/getopt.js";
import { RefusedOptions } from "./batch/refusals.js";
import type { Given } from "./batch/settle.js";
import { quoted } from "./values.js";

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
  const texts = given.filter(({ option }) => !labels.has(option)).map(({ value }) => value);
  for (const text of [...texts, ...rest, currentFolder()]) requireUtf8(text);
  return [given, [...rest]];
}

function currentFolder(): string {
  try {
    return process.cwd();
  } catch {
    throw new GleanerError(
      "BAD_REQUEST",
      "the current folder does not exist any more: cd to another",
    );
  }
}

/** They name nothing that has to be found again. */
const labels: ReadonlySet<string> = new Set(["job-name", "comment"]);

/**
 * Node puts U+FFFD in the place of bytes that are no UTF-8: a file of another name would be opened.
 */
function requireUtf8(text: string): void {
  if (text.includes("\ufffd"))
    throw new GleanerError(
      "BAD_REQUEST",
      `${quoted(text)} is not UTF-8 text: rename the file or folder, or write the text in UTF-8`,
    );
}
