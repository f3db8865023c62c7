// Runs glean with some or all of its commands: finds the command, loads only its module and returns
// an exit status.

import { type Command, CommanderError } from "commander";
import { GleanerError, messageOf } from "../../model/errors.js";
import { nearest } from "../../model/nearest.js";
import type { Ask } from "../../sdk/http/request.js";
import { Context, exitStatus, type Run } from "../context.js";
import { complain, print } from "../output.js";
import { type Entry, greeting, newCommand, newProgram } from "./commands.js";

declare const GLEANER_VERSION: string;

/** Always returns an exit status; a failure prints one sentence on standard error. */
async function main(
  typed: readonly string[],
  entries: readonly Entry[],
  ask: Ask | undefined,
): Promise<number> {
  const words = helpOf(typed);
  let status: number = exitStatus.done;
  const program = newProgram(GLEANER_VERSION);
  const run: Run =
    (action) =>
    async (...args) => {
      const command = args[args.length - 1] as unknown as Command;
      const { config } = command.optsWithGlobals<{ config?: string }>();
      status = await action(
        new Context({ configOption: config, environment: process.env, ask }),
        ...args,
      );
    };
  if (words.length === 0) {
    print(greeting);
    return exitStatus.usage;
  }
  try {
    await addCommands(program, words, entries, run);
    await program.parseAsync(words, { from: "user" });
    return status;
  } catch (thrown) {
    return statusOfFailure(thrown, program);
  }
}

/**
 * As in git: `glean help function deploy`. Behind a script or a program, --help would be its own
 * option, and it would start.
 */
function helpOf(typed: readonly string[]): readonly string[] {
  const at = placeOfCommand(typed);
  if (typed[at] !== "help") return typed;
  const [before, words] = [typed.slice(0, at), typed.slice(at + 1)];
  const [name = ""] = words;
  return [...before, ...(startsPrograms.includes(name) ? [name] : words), "--help"];
}

const startsPrograms = ["batch", "run", "shell"];

/** Adds only the requested command, since each slows the start; the help adds all of them. */
async function addCommands(
  program: Command,
  words: readonly string[],
  entries: readonly Entry[],
  run: Run,
): Promise<void> {
  const asked = commandOf(words);
  if (asked === null) {
    for (const entry of entries) program.addCommand(newCommand(entry));
    return;
  }
  const entry = entries.find(({ name }) => name === asked);
  if (entry === undefined) throw unknownCommand(asked.slice(0, maxShownWord), entries);
  const command = newCommand(entry);
  (await entry.load()).define(command, run, asksHelp(words) ? null : words);
  program.addCommand(command);
}

const asksHelp = (words: readonly string[]): boolean =>
  words.some((word) => word === "--help" || word.startsWith("-h"));

/** A longer word is no misspelt command; this also bounds the search for the nearest one. */
const maxShownWord = 60;

function unknownCommand(asked: string, entries: readonly Entry[]): GleanerError {
  const meant = nearest(
    asked,
    entries.map(({ name }) => name),
  );
  return new GleanerError(
    "BAD_REQUEST",
    `unknown command ${asked}; did you mean ${meant}? glean --help lists all commands`,
  );
}

const commandOf = (words: readonly string[]): string | null => words[placeOfCommand(words)] ?? null;

/**
 * The place of the first word that is not an option, or behind all; of the global options only
 * --config has a value.
 */
function placeOfCommand(words: readonly string[]): number {
  let at = 0;
  while (words[at]?.startsWith("-")) at += words[at] === "--config" ? 2 : 1;
  return at;
}

function statusOfFailure(thrown: unknown, program: Command): number {
  if (thrown instanceof CommanderError) {
    if (thrown.exitCode === 0) return exitStatus.done;
    complain(`${wordsOf(thrown, program)}; see --help`);
    return exitStatus.usage;
  }
  if (!isOurs(thrown)) {
    complain(`internal error: ${messageOf(thrown)}`);
    return exitStatus.failed;
  }
  for (const sentence of thrown.message.split("\n")) complain(sentence);
  if (thrown.code === "BAD_REQUEST" || thrown.code === "CONFIG") return exitStatus.usage;
  return thrown.code === "UNREACHABLE" ? exitStatus.unreachable : exitStatus.failed;
}

function wordsOf({ code, message }: CommanderError, program: Command): string {
  // It was to print its help: its subcommand is missing.
  const [asked] = program.commands;
  if (code === "commander.help" && asked !== undefined)
    return `name a command of ${asked.name()}: ${asked.commands.map((each) => each.name()).join(", ")}`;
  return message
    .replace(/^error: /, "")
    .replace(/\.$/, "")
    .replaceAll("\n", " ");
}

/** Compares by name, since each bundle that is loaded on demand has its own copy of the class. */
const isOurs = (thrown: unknown): thrown is GleanerError =>
  thrown instanceof Error && thrown.name === "GleanerError";

/** Runs what the command line says and sets the exit status. */
export function start(entries: readonly Entry[], ask?: Ask): void {
  void main(process.argv.slice(2), entries, ask).then((status) => {
    process.exitCode = status;
  });
}
