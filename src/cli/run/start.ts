// Starts a run from its settings: for `glean run` and `glean shell`.

import { writeSync } from "node:fs";
import { constants } from "node:os";
import { basename, resolve } from "node:path";
import { type Command, Option } from "commander";
import { GleanerError } from "../../model/errors.js";
import { maxAttachedTasks } from "../../model/invocation.js";
import { randomUuid, type SubmitRequest } from "../../sdk/index.js";
import type { RunClient } from "../../sdk/run/listener.js";
import { exportedEnvironment } from "../batch/exported.js";
import { termsOf } from "../batch/options/term-options.js";
import { readShell } from "../batch/shell.js";
import { sizesOf } from "../batch/sizes.js";
import { flags, isRegistered } from "../command-line.js";
import type { Context } from "../context.js";
import { printable } from "../output.js";
import { AttachedRun } from "./attached.js";
import type { RunOption, RunSettings } from "./options.js";
import { heedSignals } from "./signals.js";
import { Terminal } from "./terminal.js";

/**
 * Announces an eviction if the user asked for no other signal: programs ignore it unless they want
 * it.
 */
const { SIGURG } = constants.signals;

/** As batch does: options of sbatch that Gleaner does not have are read from the words. */
export function addOptions(command: Command, options: readonly RunOption[]): void {
  for (const { name, short, metavar, help } of options.filter(isRegistered))
    command.addOption(new Option(flags(name, short, metavar), help));
  command.passThroughOptions().allowUnknownOption();
}

export async function start(
  context: Context,
  settings: RunSettings,
  argv: readonly string[],
): Promise<number> {
  const { ntasks } = sizesOf(settings.needs);
  check(settings, ntasks);
  const terminal = new Terminal();
  const say = (sentence: string) => tell(`glean: ${printable(sentence)}${terminal.lineEnd}`);
  const { runPorts } = await context.settings();
  const name = settings.needs.name ?? basename(argv[0]!);
  const plan = {
    request: (client: RunClient) => requestOf(settings, name, argv, client, context.environment),
    name,
    tasks: ntasks,
    settings,
    ports: runPorts,
    host: context.environment.GLEAN_RUN_HOST,
  };
  const run = new AttachedRun(await context.client(), plan, terminal, say);
  if (settings.pty) terminal.onResize(() => run.resize());
  const forget = heedSignals(run, say);
  try {
    return await run.run();
  } finally {
    forget();
  }
}

function check({ pty, input, output, errors }: RunSettings, ntasks: number): void {
  if (ntasks > maxAttachedTasks)
    throw usage(`-n ${ntasks}: glean run has at most ${maxAttachedTasks} tasks: give fewer`);
  for (const [option, side] of Object.entries({ input, output, error: errors }))
    if (typeof side === "number" && side >= ntasks)
      throw usage(`--${option}: there is no task ${side}: the tasks are 0 to ${ntasks - 1}`);
  if (pty && (output !== "all" || errors !== "all"))
    throw usage("--pty: what it prints goes to the terminal: omit --output and --error");
  if (pty && !process.stdin.isTTY)
    throw usage("--pty needs a terminal as standard input: omit it, or run it in one");
}

function requestOf(
  settings: RunSettings,
  name: string,
  argv: readonly string[],
  client: RunClient,
  environment: NodeJS.ProcessEnv,
): SubmitRequest {
  const { needs } = settings;
  const { ntasks, ...sizes } = sizesOf(needs);
  return {
    requestId: randomUuid(),
    submission: {
      ...sizes,
      ntasks,
      ...(needs.coresPerTask !== null && { coresPerTask: needs.coresPerTask }),
      name,
      command: {
        kind: "attached",
        argv: [...argv],
        client: { ...client, hosts: [...client.hosts] },
      },
      timeLimitMs: needs.timeLimitMs,
      arrayTasks: null,
      ...termsOf(needs),
      stdoutPattern: "/dev/null",
      stderrPattern: "/dev/null",
      notice: needs.notice ?? { signal: SIGURG, leadMs: null, mainOnly: true },
      checkpoint: false,
      workingDirectory: resolve(needs.workingDirectory ?? "."),
      ...readShell(needs.propagate),
      environment: exportedEnvironment(needs.exported, environment),
    },
  };
}

/** At once, before what tasks print later. */
function tell(text: string): void {
  try {
    writeSync(2, text);
  } catch {
    // Standard error is closed; the exit status still tells the end.
  }
}

const usage = (sentence: string): GleanerError => new GleanerError("BAD_REQUEST", sentence);
