// The program glean: finds the command, loads only its module, and turns what happens into an exit status.

import { type Command, CommanderError } from "commander";
import { GleanerError, messageOf } from "../model/errors.js";
import { nearest } from "../model/nearest.js";
import { Context, exitStatus, type Run } from "./context.js";
import { complain } from "./output.js";
import { entries, newCommand, newProgram } from "./program.js";

declare const GLEANER_VERSION: string;

/** The exit status of the command, whatever happens; the one sentence of a failure is on standard error. */
async function main(words: readonly string[]): Promise<number> {
  let status: number = exitStatus.done;
  const program = newProgram(GLEANER_VERSION);
  const run: Run =
    (action) =>
    async (...args) => {
      const command = args[args.length - 1] as unknown as Command;
      const { config } = command.optsWithGlobals<{ config?: string }>();
      status = await action(new Context(config, process.env), ...args);
    };
  try {
    await addCommands(program, words, run);
    await program.parseAsync(words, { from: "user" });
    return status;
  } catch (thrown) {
    return statusOfFailure(thrown);
  }
}

/** The command that is asked for, since each costs a part of the start; all of them only where the help lists them. */
async function addCommands(program: Command, words: readonly string[], run: Run): Promise<void> {
  const asked = commandOf(words);
  if (asked === null) {
    for (const entry of entries) program.addCommand(newCommand(entry));
    return;
  }
  const entry = entries.find(({ name }) => name === asked);
  if (entry === undefined) throw unknownCommand(asked.slice(0, maxShownWord));
  const command = newCommand(entry);
  (await entry.load()).define(command, run);
  program.addCommand(command);
}

/** Longer words were meant for something else; also bounds the search for the nearest. */
const maxShownWord = 60;

function unknownCommand(asked: string): GleanerError {
  const meant = nearest(
    asked,
    entries.map(({ name }) => name),
  );
  return new GleanerError(
    "BAD_REQUEST",
    `there is no command ${asked}; did you mean ${meant}? glean --help lists all`,
  );
}

/** The first word that is no option; --config is the only global option with a value. */
function commandOf(words: readonly string[]): string | null {
  for (let index = 0; index < words.length; index++) {
    const word = words[index]!;
    if (word === "--config") index++;
    else if (!word.startsWith("-")) return word;
  }
  return null;
}

function statusOfFailure(thrown: unknown): number {
  if (thrown instanceof CommanderError) {
    if (thrown.exitCode === 0) return exitStatus.done;
    // Without a command commander prints the help where errors go, which is silent here.
    if (thrown.code === "commander.help") complain("no command was given: glean --help lists all");
    else complain(`${thrown.message.replace(/^error: /, "").replaceAll("\n", " ")}; see --help`);
    return exitStatus.usage;
  }
  if (!isOurs(thrown)) {
    complain(`unexpected: ${messageOf(thrown)}`);
    return exitStatus.failed;
  }
  complain(thrown.message);
  if (thrown.code === "BAD_REQUEST" || thrown.code === "CONFIG") return exitStatus.usage;
  return thrown.code === "UNREACHABLE" ? exitStatus.unreachable : exitStatus.failed;
}

/** By name: the parts that are bundled apart, to be loaded when needed, hold a class of their own. */
const isOurs = (thrown: unknown): thrown is GleanerError =>
  thrown instanceof Error && thrown.name === "GleanerError";

// `glean queue | head` closes our output early: that is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(exitStatus.done);
  complain(`cannot write the output: ${error.message}`);
  process.exit(exitStatus.failed);
});

void main(process.argv.slice(2)).then((status) => {
  process.exitCode = status;
});
