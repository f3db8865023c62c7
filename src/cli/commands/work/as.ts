// `glean as`: acts as a command of Slurm, for the names that `glean install-aliases` puts in PATH.

import { type Command, CommanderError } from "commander";
import { errorCodeOf, GleanerError } from "../../../model/errors.js";
import { type OptionShape, parseOptions } from "../../batch/getopt.js";
import { readShapes } from "../../batch/options/sbatch-options.js";
import { failed, misunderstood, type RefusedOptions } from "../../batch/refusals.js";
import { scriptFromInput } from "../../batch/script.js";
import type { Context, Define, Run } from "../../context.js";
import { complain, print } from "../../output.js";
import { slurmCommands } from "../../slurm/commands.js";
import { mayFallBack, namesJobs, runReal } from "../../slurm/real.js";
import { readWords, usageOf } from "../../slurm/words.js";

declare const GLEANER_VERSION: string;

/** What sbatch and srun exit with. */
function statusOf(thrown: unknown): number {
  if (thrown instanceof CommanderError) return misunderstood;
  // By its field, since each bundle that is loaded on demand has its own copy of the class.
  return (thrown as Partial<RefusedOptions>).slurmStatus ?? failed;
}

export const define: Define = (command, run) => {
  command
    .usage("NAME [argument...]")
    .argument("<name>", "sbatch, srun, squeue, scancel, sacct, sinfo or scontrol")
    .argument("[arguments...]", "its own options and arguments")
    .passThroughOptions()
    .allowUnknownOption()
    .helpOption("--help-as", "show this help, as glean as --help does")
    .addHelpText(
      "after",
      "\nWith GLEAN_FALLBACK=slurm, what Gleaner cannot do goes to Slurm's own command.",
    )
    .action(
      run(async (context, name: string, words: string[]) =>
        asksHelp(name) ? showHelp(command) : actAs(context, name, words),
      ),
    );
};

/** In front of the name: behind it, --help is an option of that command. */
const asksHelp = (word: string): boolean => word === "--help" || word === "-h";

function showHelp(command: Command): number {
  command.outputHelp();
  return 0;
}

/** Not when it is loaded: programs that read the commands have no version. */
const version = (): string => `slurm 24.05.0 (Gleaner ${GLEANER_VERSION})\n`;

async function actAs(context: Context, name: string, words: string[]): Promise<number> {
  const starter = starters[name];
  if (starter !== undefined) return startAs(context, name, words, await starter());
  const entry = slurmCommands.find((each) => each.name === name);
  if (entry === undefined)
    throw new GleanerError(
      "BAD_REQUEST",
      `no command ${name}: expected sbatch, srun, ${slurmCommands.map((each) => each.name).join(", ")}`,
    );
  const { environment } = context;
  try {
    const { has, operands } = readWords(name, words);
    const asksVersion = name === "scontrol" && operands[0] === "version";
    if (asksVersion || has("version")) return tell(version());
    if (has("help") || has("usage")) return tell(usageOf(name));
    if (mayFallBack(environment) && namesJobs(name, words))
      return runReal(name, words, environment);
    const status = await (await entry.load())(context, words);
    const listsAll = entry.lists && mayFallBack(environment) && !/\d{8}/.test(words.join(" "));
    return listsAll ? runReal(name, [...words, entry.noHeader], environment) : status;
  } catch (thrown) {
    return failedAs(name, thrown);
  }
}

function tell(text: string): number {
  print(text);
  return 0;
}

interface Starter {
  readonly define: Define;
  readonly shapes: readonly OptionShape[];
}

/** What starts work is the same command of Gleaner's. */
const starters: Readonly<Record<string, () => Promise<Starter>>> = {
  sbatch: () => import("./batch.js"),
  srun: () => import("./run.js"),
};

const questions = readShapes("help/h usage version/V");

async function startAs(
  context: Context,
  name: string,
  words: string[],
  starter: Starter,
): Promise<number> {
  const { found } = parseOptions(words, [...starter.shapes, ...questions]);
  const asks = (question: string) => found.some(({ shape }) => shape.name === question);
  if (asks("version")) return tell(version());
  const { Command: New } = await import("commander");
  const command: Command = new New(name)
    .exitOverride()
    .configureOutput({ writeOut: print, writeErr: () => {} });
  let status = 0;
  const mentioned = asks("usage") || asks("help") ? null : words;
  const run: Run =
    (action) =>
    async (...args) => {
      status = await action(context, ...args);
    };
  starter.define(command, run, mentioned);
  try {
    await command.parseAsync(asks("usage") ? ["--help"] : words, { from: "user" });
    return status;
  } catch (thrown) {
    const fits = !(thrown instanceof Error) || errorCodeOf(thrown) !== "BAD_REQUEST";
    if (fits || !mayFallBack(context.environment)) {
      const status = failedAs(name, thrown);
      return status === 0 ? 0 : statusOf(thrown);
    }
    complain(`note: handed to Slurm: ${thrown.message.split("\n")[0]}`, name);
    return runReal(name, words, context.environment, scriptFromInput());
  }
}

function failedAs(name: string, thrown: unknown): number {
  if (thrown instanceof CommanderError && thrown.exitCode === 0) return 0;
  if (!(thrown instanceof Error)) throw thrown;
  const isOurs = thrown.name === "GleanerError" || thrown instanceof CommanderError;
  if (!isOurs) throw thrown;
  for (const sentence of thrown.message.replace(/^error: /, "").split("\n"))
    complain(`error: ${sentence}`, name);
  return failed;
}
