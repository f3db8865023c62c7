// The table of commands, as `glean --help` shows it, and the options common to all commands.

import { Command } from "commander";
import type { Define } from "../context.js";
import { print } from "../output.js";

/** A command, whose module is loaded on demand. */
export interface Entry {
  readonly name: string;
  readonly group: string;
  readonly summary: string;
  readonly load: () => Promise<{ readonly define: Define }>;
}

const users = "For users:";
const accounting = "Usage and reports:";
const operators = "For operators:";

export const batch: Entry = {
  name: "batch",
  group: users,
  summary: "submit a script, as sbatch does",
  load: () => import("../commands/work/batch.js"),
};

export const entries: readonly Entry[] = [
  batch,
  {
    name: "run",
    group: users,
    summary: "run a command in a hole and see its output, as srun does",
    load: () => import("../commands/work/run.js"),
  },
  {
    name: "shell",
    group: users,
    summary: "open your shell in a hole, as srun --pty does",
    load: () => import("../commands/work/shell.js"),
  },
  {
    name: "queue",
    group: users,
    summary: "list pending and running invocations, as squeue does",
    load: () => import("../commands/work/queue.js"),
  },
  {
    name: "invoke",
    group: users,
    summary: "call a function and print its result",
    load: () => import("../commands/work/invoke.js"),
  },
  {
    name: "map",
    group: users,
    summary: "call a function once for each input",
    load: () => import("../commands/work/map.js"),
  },
  {
    name: "cancel",
    group: users,
    summary: "cancel invocations, as scancel does",
    load: () => import("../commands/work/cancel.js"),
  },
  {
    name: "hold",
    group: users,
    summary: "keep what waits from starting, as scontrol hold does",
    load: () => import("../commands/work/hold.js"),
  },
  {
    name: "release",
    group: users,
    summary: "let what is held start, as scontrol release does",
    load: () => import("../commands/work/release.js"),
  },
  {
    name: "update",
    group: users,
    summary: "change what waits, as scontrol update does",
    load: () => import("../commands/work/update.js"),
  },
  {
    name: "show",
    group: users,
    summary: "show one invocation and its attempts",
    load: () => import("../commands/work/show.js"),
  },
  {
    name: "explain",
    group: users,
    summary: "say why an invocation waits or a node is unused",
    load: () => import("../commands/reports/explain.js"),
  },
  {
    name: "function",
    group: users,
    summary: "deploy functions, test, list, share and remove them",
    load: () => import("../commands/functions/function.js"),
  },
  {
    name: "lease",
    group: users,
    summary: "hold workers of a function for direct calls",
    load: () => import("../commands/functions/lease.js"),
  },
  {
    name: "trace",
    group: users,
    summary: "write what invocations did when, for Perfetto or Chrome",
    load: () => import("../commands/reports/trace.js"),
  },
  {
    name: "replay",
    group: users,
    summary: "run a call again, on this machine or in a hole",
    load: () => import("../commands/work/replay.js"),
  },
  {
    name: "as",
    group: users,
    summary: "act as a command of Slurm: glean as squeue",
    load: () => import("../commands/work/as.js"),
  },
  {
    name: "install-aliases",
    group: users,
    summary: "put sbatch, squeue and others of Gleaner in a folder",
    load: () => import("../commands/work/install-aliases.js"),
  },
  {
    name: "acct",
    group: accounting,
    summary: "list past invocations, as sacct does",
    load: () => import("../commands/work/acct.js"),
  },
  {
    name: "bill",
    group: accounting,
    summary: "show usage and its cost",
    load: () => import("../commands/reports/bill.js"),
  },
  {
    name: "report",
    group: accounting,
    summary: "report how much was idle and how much of that was used",
    load: () => import("../commands/reports/report.js"),
  },
  {
    name: "simulate",
    group: operators,
    summary: "replay a site's own records to see what Gleaner would harvest",
    load: () => import("../commands/reports/simulate.js"),
  },
  {
    name: "info",
    group: operators,
    summary: "list nodes, holes and executors, as sinfo does",
    load: () => import("../commands/site/info.js"),
  },
  {
    name: "drain",
    group: operators,
    summary: "keep functions off some or all nodes",
    load: () => import("../commands/site/drain.js"),
  },
  {
    name: "resume",
    group: operators,
    summary: "allow functions on drained nodes again",
    load: () => import("../commands/site/resume.js"),
  },
  {
    name: "audit",
    group: operators,
    summary: "list submissions, cancellations, drains, tokens and refusals by user",
    load: () => import("../commands/site/audit.js"),
  },
  {
    name: "token",
    group: operators,
    summary: "revoke tokens: glean token revoke",
    load: () => import("../commands/site/token.js"),
  },
  {
    name: "setup",
    group: operators,
    summary: "configure Gleaner on the controller, or undo that",
    load: () => import("../commands/site/setup.js"),
  },
  {
    name: "doctor",
    group: operators,
    summary: "check the installation",
    load: () => import("../commands/site/doctor.js"),
  },
];

const examples = `
Examples:
  glean batch job.sh                     submit a script; its #GLEAN and #SBATCH lines are read
  glean batch -a 0-99 -t 20s --wrap ./f  a hundred tasks of at most 20 seconds each
  glean run make -j4                     run a command now, with its output here
  glean queue --me                       your invocations that wait or run
  glean explain 42                       why 42 has not started
  glean report prediction                how well the ends of holes were foreseen
  glean report utilization --html FILE   one page for the manager

Exit status: 0 done, 1 the work failed, 2 wrong usage, 3 the daemon is not reachable.`;

/** What `glean` alone says: the commands that one needs. */
export const greeting = `Gleaner runs short functions on what Slurm leaves idle.

  glean batch job.sh     submit a script, as sbatch does
  glean run COMMAND      run a command in a hole as if it ran here
  glean queue --me       see what of yours waits or runs
  glean explain ID       see why it waits
  glean acct             see what has ended
  glean cancel ID        end it

glean --help lists all commands, and glean COMMAND --help its options and examples.
`;

export function newProgram(version: string): Command {
  const program = new Command("glean")
    .description("Run short functions on the idle resources of a Slurm cluster.")
    .usage("COMMAND [options]")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "show this help, or that of the command before it")
    .helpCommand(false)
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .enablePositionalOptions()
    .addHelpText("after", examples);
  return prepare(program);
}

/** Sets up what the program and its commands share. */
function prepare(command: Command): Command {
  return command
    .option(
      "--config <FILE>",
      "configuration file (default: $GLEANER_CONF or /etc/gleaner/gleaner.yaml)",
    )
    .exitOverride()
    .configureOutput({ writeOut: print, writeErr: () => undefined });
}

export const newCommand = ({ name, group, summary }: Entry): Command =>
  prepare(new Command(name))
    .summary(summary)
    .helpOption("-h, --help", "show this help")
    .description(`${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`)
    .helpGroup(group);
