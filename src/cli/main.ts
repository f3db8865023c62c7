// The program glean: finds the command, loads only its module, and turns what happens into an exit status.

import { Command, CommanderError } from "commander";
import { GleanerError, messageOf } from "../model/errors.js";
import { nearest } from "../model/nearest.js";
import { Context, type Define, exitStatus, type Run } from "./context.js";
import { complain } from "./output.js";

declare const GLEANER_VERSION: string;

interface Entry {
  readonly name: string;
  readonly group: string;
  readonly summary: string;
  readonly load: () => Promise<{ readonly define: Define }>;
}

const users = "For users:";
const accounting = "What was used:";
const operators = "For operators:";

const entries: readonly Entry[] = [
  {
    name: "batch",
    group: users,
    summary: "submit a script, as sbatch does",
    load: () => import("./commands/work/batch.js"),
  },
  {
    name: "queue",
    group: users,
    summary: "list what waits and runs, as squeue does",
    load: () => import("./commands/work/queue.js"),
  },
  {
    name: "cancel",
    group: users,
    summary: "cancel invocations, as scancel does",
    load: () => import("./commands/work/cancel.js"),
  },
  {
    name: "show",
    group: users,
    summary: "show one invocation and its attempts",
    load: () => import("./commands/work/show.js"),
  },
  {
    name: "explain",
    group: users,
    summary: "say why an invocation waits or a node is unused",
    load: () => import("./commands/reports/explain.js"),
  },
  {
    name: "acct",
    group: accounting,
    summary: "list past invocations, as sacct does",
    load: () => import("./commands/work/acct.js"),
  },
  {
    name: "bill",
    group: accounting,
    summary: "what was used and what it costs",
    load: () => import("./commands/reports/bill.js"),
  },
  {
    name: "report",
    group: accounting,
    summary: "how much was idle, and how much of that was used",
    load: () => import("./commands/reports/report.js"),
  },
  {
    name: "simulate",
    group: operators,
    summary: "replay a site's own records: what would Gleaner bring here?",
    load: () => import("./commands/reports/simulate.js"),
  },
  {
    name: "info",
    group: operators,
    summary: "list nodes, holes and executors, as sinfo does",
    load: () => import("./commands/site/info.js"),
  },
  {
    name: "drain",
    group: operators,
    summary: "keep functions off nodes, or off all",
    load: () => import("./commands/site/drain.js"),
  },
  {
    name: "resume",
    group: operators,
    summary: "let functions back onto nodes",
    load: () => import("./commands/site/resume.js"),
  },
  {
    name: "audit",
    group: operators,
    summary: "list who did what: submissions, cancels, drains, tokens, refusals",
    load: () => import("./commands/site/audit.js"),
  },
  {
    name: "token",
    group: operators,
    summary: "make tokens void: glean token revoke",
    load: () => import("./commands/site/token.js"),
  },
  {
    name: "doctor",
    group: operators,
    summary: "check that everything is in place",
    load: () => import("./commands/site/doctor.js"),
  },
];

const examples = `
Examples:
  glean batch job.sh                     submit a script; its #GLEAN and #SBATCH lines are read
  glean batch -a 0-99 -t 20s --wrap ./f  a hundred tasks of at most 20 seconds each
  glean queue --me                       your invocations that wait or run
  glean explain 42                       why 42 has not started
  glean report prediction                how well the ends of holes were foreseen
  glean report utilization --html FILE   one page for the manager

Exit status: 0 done, 1 the work failed, 2 wrong usage, 3 the daemon is not reachable.`;

/** The exit status of the command, whatever happens; the one sentence of a failure is on standard error. */
async function main(words: readonly string[]): Promise<number> {
  let status: number = exitStatus.done;
  const program = newProgram();
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

function newProgram(): Command {
  const program = new Command("glean")
    .description("Run short functions in what a Slurm cluster leaves idle.")
    .usage("COMMAND [options]")
    .version(GLEANER_VERSION, "-V, --version", "print the version")
    .helpOption("-h, --help", "show this, or a command's help after its name")
    .helpCommand(false)
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .enablePositionalOptions()
    .addHelpText("after", examples);
  return prepare(program);
}

/** What program and commands share. */
function prepare(command: Command): Command {
  return command
    .option(
      "--config <FILE>",
      "the configuration (else $GLEANER_CONF, else /etc/gleaner/gleaner.yaml)",
    )
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
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

const newCommand = ({ name, group, summary }: Entry): Command =>
  prepare(new Command(name))
    .summary(summary)
    .description(`${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`)
    .helpGroup(group);

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
