// `glean batch`: submits a script, as sbatch does.

import { basename, resolve } from "node:path";
import { type Command, Option } from "commander";
import { nowMs } from "../../../clock.js";
import { GleanerError } from "../../../model/errors.js";
import type { SubmitRequest } from "../../../sdk/index.js";
import { randomUuid } from "../../../sdk/random.js";
import { exportedEnvironment, takesLogin } from "../../batch/exported.js";
import type { OptionShape } from "../../batch/getopt.js";
import { missingFolders } from "../../batch/missing-folders.js";
import { batchOptions } from "../../batch/options/batch-options.js";
import { sbatchOptions } from "../../batch/options/sbatch-options.js";
import { termsOf } from "../../batch/options/term-options.js";
import { knownOptions, readSettings } from "../../batch/read.js";
import { tellRefusal } from "../../batch/refusals.js";
import { findScript, readScript } from "../../batch/script.js";
import type { Given, Settled } from "../../batch/settle.js";
import { readShell } from "../../batch/shell.js";
import { sizesOf } from "../../batch/sizes.js";
import { flags, fromCommandLine, isRegistered, mentionedIn } from "../../command-line.js";
import { type Context, type Define, exitStatus } from "../../context.js";
import { complain, print } from "../../output.js";

const examples = `
The command line overrides the script's #GLEAN lines, which override the variables of sbatch
(GLEAN_TIMELIMIT, SBATCH_TIMELIMIT), which override its #SBATCH lines.
--exclusive[=WHAT] and --propagate[=LIMITS] take their value behind = alone.
Without a script it is read from standard input; one that is not here is looked for in PATH.

Examples:
  glean batch job.sh input.dat           the words after the script are its arguments
  glean batch -J tiles -a 0-99 -t 20s tile.sh
  glean batch --wrap 'make check' -c 4 --mem 2G
  id=$(glean batch --parsable job.sh)`;

/** All that sbatch knows. */
export const shapes: readonly OptionShape[] = knownOptions;

export const define: Define = (command, run, words) => {
  command
    .usage("[options] [SCRIPT [ARGUMENT...]]")
    .argument("[script]", "the script; standard input if omitted or -")
    .argument("[arguments...]", "the script's arguments")
    .option("--wrap <COMMAND>", "run this command with /bin/sh, instead of a script")
    .passThroughOptions()
    .addHelpText("after", examples)
    .action(run(batch));
  command.allowUnknownOption();
  const isMentioned = words === null ? () => true : mentionedIn(words);
  for (const option of batchOptions.filter(isMentioned).filter(isRegistered))
    command.option(flags(option.name, option.short, option.metavar), option.help);
  if (words === null) return;
  for (const { name, short, takes } of foreignOptions.filter(isMentioned))
    command.addOption(
      new Option(flags(name, short, takes === "value" ? "value" : null)).hideHelp(),
    );
};

/**
 * Not those whose value may be omitted, which are for scripts only: on the command line they would
 * take the script's name as their value.
 */
const foreignOptions: readonly OptionShape[] = sbatchOptions.filter(
  ({ name, takes }) =>
    takes !== "optionalValue" && name !== "wrap" && !batchOptions.some((own) => own.name === name),
);

async function batch(
  context: Context,
  first: string | undefined,
  others: string[],
  _options: unknown,
  command: Command,
): Promise<number> {
  const words = first === undefined ? others : [first, ...others];
  const [line, [path, ...args]] = fromCommandLine(command, words, knownOptions);
  const wrapped =
    line.find(({ option }) => option === "wrap")?.value ??
    (command.getOptionValue("wrap") as string | undefined);
  const file = isFile(path) ? findScript(path, context.environment) : path;
  const { body, shown, name } = scriptOf(file, wrapped, command.name(), context.environment);
  const options = line.filter(({ option }) => option !== "wrap");
  const { settings, notes, variables } = await settingsOf(context, body, shown, options);
  // As for sbatch, in a script it has no effect.
  const isQuiet = line.some(({ option }) => option === "quiet");
  if (!isQuiet)
    for (const note of [...notes, ...missingFolders(settings)]) complain(`note: ${note}`);
  const client = await context.client();
  const request = requestOf(
    { settings, variables },
    settings.name ?? name,
    body,
    args,
    await environmentOf(settings.exported, context.environment),
    isFile(file) ? resolve(file) : null,
  );
  const answer = await client.submit(request);
  if (!isQuiet) for (const note of answer.notes ?? []) complain(`note: ${note}`);
  if (answer.takes !== undefined) {
    const { roomText } = await import("../../batch/room.js");
    const { where = {} } = request.submission;
    complain(
      roomText(answer.takes, where, await client.info(), nowMs()),
      command.name() === "sbatch" ? "sbatch" : "glean",
    );
    return exitStatus.done;
  }
  if (!isQuiet) print(settings.parsable ? `${answer.id}\n` : `Submitted batch job ${answer.id}\n`);
  if (!settings.wait) return exitStatus.done;
  const { waitForEnd } = await import("../../wait.js");
  return waitForEnd(client, String(answer.id));
}

async function settingsOf(
  context: Context,
  body: string,
  shown: string,
  line: readonly Given[],
): Promise<Settled> {
  try {
    return readSettings(body, shown, line, context.environment);
  } catch (thrown) {
    await tellRefusal(() => context.client(), thrown);
    throw thrown;
  }
}

function scriptOf(
  path: string | undefined,
  wrapped: string | undefined,
  commandName: string,
  { SLURM_JOB_NAME }: NodeJS.ProcessEnv,
): { body: string; shown: string; name: string } {
  if (wrapped !== undefined) {
    if (path !== undefined)
      throw usage("--wrap and a script are mutually exclusive: give only one of them");
    if (wrapped.trim() === "" || wrapped.includes("\0"))
      throw usage("--wrap is empty: write the command to run after it");
    return { body: `#!/bin/sh\n${wrapped}\n`, shown: "--wrap", name: "wrap" };
  }
  const fromInput = path === undefined || path === "-";
  if (fromInput && process.stdin.isTTY)
    throw usage("no script given: name one, pipe one in, or write the command after --wrap");
  const name = commandName === "sbatch" ? commandName : "glean";
  if (fromInput) return { body: readScript(null, "stdin"), shown: "stdin", name };
  // A function that submits itself again: its script is no file.
  const own = path.startsWith(ownScript) ? SLURM_JOB_NAME : undefined;
  return { body: readScript(path, path), shown: path, name: own ?? basename(path) };
}

const ownScript = "/proc/self/fd/";
const isFile = (path: string | undefined): path is string =>
  path !== undefined && path !== "-" && !path.startsWith(ownScript);

/** Loads what starts a login shell only if one is wanted. */
async function environmentOf(
  exported: string,
  own: NodeJS.ProcessEnv,
): Promise<Record<string, string>> {
  if (!takesLogin(exported)) return exportedEnvironment(exported, own);
  const { loginEnvironment } = await import("../../batch/login-environment.js");
  return exportedEnvironment(exported, own, loginEnvironment);
}

/** A script that mentions the variable gets the folder; other programs need --checkpoint. */
const folderVariable = "GLEANER_CHECKPOINT_DIR";

function requestOf(
  { settings, variables }: Pick<Settled, "settings" | "variables">,
  name: string,
  body: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  scriptPath: string | null,
): SubmitRequest {
  const { arrayTasks, notice, timeLimitMs, stdoutPattern, stderrPattern } = settings;
  const { ntasks, ...sizes } = sizesOf(settings);
  const { stdinPattern, openMode, coresPerTask, tasks, tasksPerNode } = settings;
  return {
    requestId: randomUuid(),
    ...(settings.testOnly && { testOnly: true }),
    submission: {
      ...sizes,
      ...((tasks ?? tasksPerNode) !== null && { ntasks }),
      ...(coresPerTask !== null && { coresPerTask }),
      ...(Object.keys(variables).length > 0 && { optionVariables: variables }),
      timeLimitMs,
      arrayTasks,
      stdoutPattern,
      stderrPattern,
      ...(stdinPattern !== null && { stdinPattern }),
      ...(openMode !== null && { openMode }),
      ...termsOf(settings),
      notice,
      name,
      checkpoint: settings.checkpoint || notice !== null || body.includes(folderVariable),
      command: { kind: "script", body, args },
      ...(scriptPath !== null && { scriptPath }),
      workingDirectory: resolve(settings.workingDirectory ?? "."),
      ...readShell(settings.propagate),
      environment,
    },
  };
}

const usage = (sentence: string): GleanerError => new GleanerError("BAD_REQUEST", sentence);
