// `glean batch`: submits a script, as sbatch does.

import { basename, resolve } from "node:path";
import { type Command, Option } from "commander";
import { GleanerError } from "../../../model/errors.js";
import { randomUuid, type SubmitRequest } from "../../../sdk/index.js";
import { type OptionShape, readDirectives } from "../../batch/directives.js";
import { exportedEnvironment } from "../../batch/exported.js";
import { foreignOptions, judgeForeign } from "../../batch/foreign-options.js";
import { type BatchSettings, batchOptions, type Given, settle } from "../../batch/options.js";
import { readScript } from "../../batch/script.js";
import { readShell } from "../../batch/shell.js";
import { type Context, type Define, exitStatus } from "../../context.js";
import { complain, print } from "../../output.js";

const examples = `
The command line overrides the script's #GLEAN lines, which override its #SBATCH lines.
Without a script it is read from standard input.

Examples:
  glean batch job.sh input.dat           the words after the script are its arguments
  glean batch -J tiles -a 0-99 -t 20s tile.sh
  glean batch --wrap 'make check' -c 4 --mem 2G
  id=$(glean batch --parsable job.sh)`;

export const define: Define = (command, run) => {
  command
    .usage("[options] [SCRIPT [ARGUMENT...]]")
    .argument("[script]", "the script; standard input if omitted or -")
    .argument("[arguments...]", "the script's arguments")
    .option("--wrap <COMMAND>", "run this command with /bin/sh, instead of a script")
    .passThroughOptions()
    .addHelpText("after", examples)
    .action(run(batch));
  for (const { name, short, metavar, help } of batchOptions)
    command.option(flags(name, short, metavar), help);
  for (const { name, short, takes } of foreignOptions.filter(isMentioned))
    command.addOption(
      new Option(flags(name, short, takes === "value" ? "value" : null)).hideHelp(),
    );
};

/**
 * Registers only the sbatch options that are on the command line, since registering all seventy
 * slows the start. Options with an optional value are for scripts only: on the command line they
 * would take the script's name as their value.
 */
const isMentioned = ({ name, short, takes }: OptionShape): boolean =>
  takes !== "optionalValue" &&
  process.argv.some(
    (word) => word.startsWith(`--${name}`) || (short !== null && word.startsWith(`-${short}`)),
  );

const flags = (name: string, short: string | null, metavar: string | null): string =>
  `${short === null ? "" : `-${short}, `}--${name}${metavar === null ? "" : ` <${metavar}>`}`;

async function batch(
  context: Context,
  path: string | undefined,
  args: string[],
  _options: unknown,
  command: Command,
): Promise<number> {
  const wrapped = command.getOptionValue("wrap") as string | undefined;
  const { body, shown, name } = scriptOf(path, wrapped);
  const settings = settingsOf(body, shown, command);
  const client = await context.client();
  const answer = await client.submit(
    requestOf(settings, settings.name ?? name, body, args, context.environment),
  );
  print(settings.parsable ? `${answer.id}\n` : `Submitted batch job ${answer.id}\n`);
  if (!settings.wait) return exitStatus.done;
  const { waitForEnd } = await import("../../wait.js");
  return waitForEnd(client, String(answer.id));
}

function scriptOf(
  path: string | undefined,
  wrapped: string | undefined,
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
  if (fromInput) return { body: readScript(null, "stdin"), shown: "stdin", name: "glean" };
  return { body: readScript(path, path), shown: path, name: basename(path) };
}

/** Merges all sources, the least important first, and prints one note on ignored options. */
function settingsOf(body: string, shown: string, command: Command): BatchSettings {
  const { known, unknown } = readDirectives(body, shown, {
    GLEAN: batchOptions,
    SBATCH: [...batchOptions, ...foreignOptions],
  });
  const all: Given[] = [
    ...known.filter(({ kind }) => kind === "SBATCH"),
    ...known.filter(({ kind }) => kind === "GLEAN"),
    ...fromCommandLine(command),
  ];
  const ignored = unknown.map(({ where }) => where);
  for (const { option, value, where } of all) {
    if (batchOptions.some(({ name }) => name === option)) continue;
    const noted = judgeForeign(option, value, where);
    if (noted !== null) ignored.push(noted);
  }
  if (ignored.length > 0)
    complain(`note: ignored options that do not apply to functions: ${ignored.join(", ")}`);
  return settle(all);
}

function fromCommandLine(command: Command): Given[] {
  return [...batchOptions, ...foreignOptions].flatMap(({ name }) => {
    const option = command.options.find((each) => each.long === `--${name}`);
    const value: unknown = option && command.getOptionValue(option.attributeName());
    if (value === undefined) return [];
    return [{ option: name, value: typeof value === "string" ? value : "", where: `--${name}` }];
  });
}

/** A script that mentions the variable gets the folder; other programs need --checkpoint. */
const folderVariable = "GLEANER_CHECKPOINT_DIR";

function requestOf(
  settings: BatchSettings,
  name: string,
  body: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
): SubmitRequest {
  const { exported, wait: _wait, parsable: _parsable, workingDirectory, ...rest } = settings;
  return {
    requestId: randomUuid(),
    submission: {
      ...rest,
      name,
      checkpoint: settings.checkpoint || settings.notice !== null || body.includes(folderVariable),
      command: { kind: "script", body, args },
      workingDirectory: resolve(workingDirectory ?? "."),
      ...readShell(null),
      environment: exportedEnvironment(exported, environment),
    },
  };
}

const usage = (sentence: string): GleanerError => new GleanerError("BAD_REQUEST", sentence);
