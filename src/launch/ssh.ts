// Starts executors on other machines by ssh: nothing of ours has to run there before.

import type { Launcher } from "../core/ports.js";
import { GleanerError } from "../model/errors.js";
import { executorPath, requireNodeName, requirePlainPath } from "./names.js";
import {
  executorLogFile,
  isRunning,
  maxMarkBytes,
  parseProcessMark,
  processMarkFile,
} from "./process-mark.js";
import type { CommandResult } from "./ssh-command.js";
import type { SshOptions } from "./ssh-connect.js";
import { SshConnections } from "./ssh-connections.js";

export interface SshLauncherOptions extends SshOptions {
  /** The Node program and the bundled executor, as paths on the nodes. */
  readonly node: string;
  readonly executorProgram: string;
  readonly runDirectory: string;
  /** Must exist on the nodes; each node's executor appends to a file of its own there. */
  readonly logDirectory: string;
}

/** Statuses of startScript, above those that shells use themselves. */
const problems: Readonly<Record<number, (options: SshLauncherOptions, log: string) => string>> = {
  101: ({ node }) => `${node} cannot be run there: install Node, or set programs.node`,
  102: ({ executorProgram }) =>
    `${executorProgram} is not there: install Gleaner on the node, or set programs.executor`,
  103: (_, log) => `the log ${log} cannot be written: make its folder, or set logDirectory`,
};

/**
 * Reads the input to its end before it starts anything, since sshd drops what is unread when the command ends.
 * printf is part of the shell: the input, which is secret, is never an argument nor in an environment.
 */
const startScript = [
  "umask 077; cd /",
  '[ -x "$1" ] || exit 101; [ -r "$2" ] || exit 102; (: >>"$3") 2>/dev/null || exit 103',
  `input=$(cat) && printf "%s\\n" "$input" | setsid -f env -i PATH=${executorPath} "$1" "$2" >>"$3" 2>&1`,
].join("; ");

const separator = "--- stat";
/** Status 101: no mark. A process that is gone has no stat, so nothing follows the separator. */
const probeScript = [
  `[ -r "$1" ] || exit 101; mark=$(head -c ${maxMarkBytes} "$1"); echo "$mark"; echo "${separator}"`,
  'pid=$(echo "$mark" | sed -n "s/^pid=\\([1-9][0-9]*\\)$/\\1/p" | head -n 1)',
  `[ -z "$pid" ] || head -c ${maxMarkBytes} "/proc/$pid/stat" 2>/dev/null; exit 0`,
].join("; ");

/** A launcher that keeps a connection to each node it talked to lately; rejects with codes CONFIG and LAUNCH. */
export function createSshLauncher(options: SshLauncherOptions): Launcher {
  requirePlainPath("programs.node", options.node);
  requirePlainPath("programs.executor", options.executorProgram);
  requirePlainPath("runDirectory", options.runDirectory);
  requirePlainPath("logDirectory", options.logDirectory);
  const connections = new SshConnections(options);
  return {
    placement: "direct",

    async launch(node, address, _executor, input) {
      requireNodeName(node);
      const log = executorLogFile(options.logDirectory, node);
      const command = shellCommand(startScript, [options.node, options.executorProgram, log]);
      const result = await connections.run(address, command, input);
      if (result.status === 0) return;
      const problem = problems[result.status ?? -1]?.(options, log) ?? describe(result);
      throw new GleanerError("LAUNCH", `The executor of ${node} could not be started: ${problem}.`);
    },

    async probe(node, address, executor) {
      requireNodeName(node);
      const command = shellCommand(probeScript, [processMarkFile(options.runDirectory, node)]);
      try {
        const { status, stdout } = await connections.run(address, command, "");
        if (status === 101) return "gone";
        const [text, stat] = stdout.split(`\n${separator}\n`);
        if (status !== 0 || text === undefined || stat === undefined) return "unknown";
        const mark = parseProcessMark(text);
        return mark !== null && isRunning(mark, executor, stat) ? "running" : "gone";
      } catch {
        return "unknown";
      }
    },

    close: () => connections.close(),
  };
}

/** A line for the login shell, whichever that is: sh runs the script, the rest are its arguments. */
function shellCommand(script: string, args: readonly string[]): string {
  return ["exec /bin/sh -c", ...[script, "gleaner", ...args].map(quote)].join(" ");
}

/** Neither our scripts nor the paths hold a single quote. */
const quote = (word: string): string => `'${word}'`;

function describe({ status, stderr }: CommandResult): string {
  const firstLine = stderr.trim().split("\n")[0]!.slice(0, 200);
  return `the command that starts it ended with ${status ?? "a signal"} (${firstLine || "it said nothing"}), so try it by hand`;
}
