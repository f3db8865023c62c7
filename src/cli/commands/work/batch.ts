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
import { type Context, type Define, exitStatus } from "../../context.js";
import { complain, print } from "../../output.js";

const examples = `
Options are read from the command line, else from the script's #GLEAN lines, else from its #SBATCH lines.
Without a script it is read from standard input.

Examples:
  glean batch job.sh input.dat           the words after the script are its arguments
  glean batch -J tiles -a 0-99 -t 20s tile.sh
  glean batch --wrap 'make check' -c 4 --mem 2G
  id=$(glean batch --parsable job.sh)`;

export const define: Define = (command, run) => {
  command
    .usage("[options] [SCRIPT [ARGUMENT...]]")
    .argument("[script]", "the script; - or nothing: standard input")
    .argument("[arguments...]", "the script's arguments")
    .option("--wrap <COMMAND>", "run this line with /bin/sh instead of a script")
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
 * Seventy options that are hardly ever given would cost a part of the start. One whose value may be missing would
 * swallow the script's name on a command line, so those are for scripts only.
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
      throw usage(
        "--wrap takes the whole command, so no script can be named beside it: leave one out",
      );
    if (wrapped.trim() === "" || wrapped.includes("\0"))
      throw usage("--wrap is empty: write the command to run after it");
    return { body: `#!/bin/sh\n${wrapped}\n`, shown: "--wrap", name: "wrap" };
  }
  const fromInput = path === undefined || path === "-";
  if (fromInput && process.stdin.isTTY)
    throw usage("there is no script: name one, pipe one in, or write the command after --wrap");
  if (fromInput) return { body: readScript(null, "stdin"), shown: "stdin", name: "glean" };
  return { body: readScript(path, path), shown: path, name: basename(path) };
}

/** All sources together, least important first; says once what was ignored. */
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
    complain(`note: ignored, since it does not apply to functions: ${ignored.join(", ")}`);
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

/** A script that names it wants it; a program that reads it by itself needs --checkpoint. */
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
      environment: exportedEnvironment(exported, environment),
    },
  };
}

const usage = (sentence: string): GleanerError => new GleanerError("BAD_REQUEST", sentence);
