// The commands of glean and gleanerd as the reference shows them, read from commander.

import type { EventEmitter } from "node:events";
import type { Command } from "commander";
import { entries, newCommand, newProgram } from "../../src/cli/program/commands.js";
import { newProgram as newDaemon } from "../../src/daemon/program.js";

export interface CommandText {
  /** With its parent commands, such as `glean batch`. */
  readonly name: string;
  /** For a command of glean: the heading of its group. */
  readonly group: string;
  /** A phrase without a full stop. */
  readonly summary: string;
  readonly description: string;
  /** Without the name. */
  readonly usage: string;
  readonly args: readonly Term[];
  /** Whether the last argument may be repeated. */
  readonly isVariadic: boolean;
  /** Whether options after the first argument are those of another program. */
  readonly passesOptions: boolean;
  readonly options: readonly Term[];
  /** What follows the options in the help, with its own line breaks. */
  readonly after: string;
  readonly commands: readonly CommandText[];
  /** The whole help. */
  readonly help: string;
}

export interface Term {
  readonly term: string;
  readonly description: string;
}

const helpWidth = 96;

export async function readGlean(version: string): Promise<CommandText> {
  const program = newProgram(version);
  for (const entry of entries) {
    const command = newCommand(entry);
    // The action is irrelevant here.
    (await entry.load()).define(command, () => async () => undefined, null);
    program.addCommand(command);
  }
  return textOf(program, "", "run short functions on the idle resources of a Slurm cluster");
}

export const readGleanerd = (version: string): CommandText =>
  textOf(newDaemon(version), "", "the daemon that runs functions in what Slurm leaves idle");

function textOf(command: Command, above: string, summary: string): CommandText {
  const name = `${above}${command.name()}`;
  const help = command.createHelp();
  help.helpWidth = helpWidth;
  const commands = command.commands.map((each) =>
    textOf(each, `${name} `, help.subcommandDescription(each)),
  );
  return {
    name,
    group: command.helpGroup().replace(/:$/, ""),
    summary,
    description: command.description(),
    usage: command.usage(),
    args: help.visibleArguments(command).map((each) => ({
      term: help.argumentTerm(each),
      description: help.argumentDescription(each),
    })),
    isVariadic: command.registeredArguments.at(-1)?.variadic ?? false,
    passesOptions: (command as unknown as { _passThroughOptions: boolean })._passThroughOptions,
    options: help.visibleOptions(command).map((each) => ({
      term: help.optionTerm(each),
      description: help.optionDescription(each),
    })),
    after: afterHelp(command),
    commands,
    help: `${help.formatHelp(command, help).trimEnd()}\n${afterHelp(command)}`.trimEnd(),
  };
}

/** Commander stores such texts as listeners that write them. */
function afterHelp(command: Command): string {
  let text = "";
  const write = (more: string) => {
    text += more;
  };
  (command as unknown as EventEmitter).emit("afterHelp", { error: false, command, write });
  return text.trimEnd();
}
