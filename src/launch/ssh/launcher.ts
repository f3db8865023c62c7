// Starts executors on other machines by ssh: nothing of ours has to run there before, and the executor is brought along.

import type { Launcher } from "../../core/ports/launcher.js";
import { Semaphore } from "../../limits/semaphore.js";
import { GleanerError } from "../../model/errors.js";
import type { NodeName } from "../../model/ids.js";
import { requireNodeName, requirePlainPath } from "../names.js";
import { executorLogFile, isRunning, parseProcessMark, processMarkFile } from "../process-mark.js";
import type { Bundle } from "./bundle.js";
import type { CommandResult } from "./command.js";
import type { SshOptions } from "./connect.js";
import { SshConnections } from "./connections.js";
import { bringCommand, probeCommand, separator, startCommand, statuses } from "./scripts.js";

export interface SshLauncherOptions extends SshOptions {
  /** Node, as a path on the nodes; null: the executor is a binary that needs none. */
  readonly node: string | null;
  /** The bundled executor, as a path on the nodes. */
  readonly executorProgram: string;
  /** What is brought to a node that does not have it; null: the programs are installed there. */
  readonly bundle: Bundle | null;
  readonly runDirectory: string;
  /** Made when only its last part is missing; each node's executor appends to a file of its own there. */
  readonly logDirectory: string;
}

/** More at once would share one network card, and each come closer to its time limit. */
const maxBringing = 8;
/** A node behind a slower line is no node for short functions. */
const slowestBytesPerMs = 1_000;

/** A launcher that keeps a connection to each node it talked to lately; rejects with codes CONFIG and LAUNCH. */
export function createSshLauncher(options: SshLauncherOptions): Launcher {
  const { node: nodeProgram, executorProgram, bundle, runDirectory, logDirectory } = options;
  if (nodeProgram !== null) requirePlainPath("programs.node", nodeProgram);
  requirePlainPath("programs.executor", executorProgram);
  requirePlainPath("runDirectory", runDirectory);
  requirePlainPath("logDirectory", logDirectory);
  const connections = new SshConnections(options);
  const bringOnce = createBringer(connections);
  return {
    placement: "direct",

    async launch(node, address, _executor, input) {
      requireNodeName(node);
      const log = executorLogFile(logDirectory, node);
      const command = startCommand(nodeProgram, executorProgram, log, bundle);
      let result = await connections.run(address, command, input);
      if (result.status === statuses.notBrought && bundle !== null) {
        requireDone(await bringOnce(address, bundle), options, node);
        result = await connections.run(address, command, input);
      }
      requireDone(result, options, node);
    },

    async probe(node, address, executor) {
      requireNodeName(node);
      const command = probeCommand(processMarkFile(runDirectory, node));
      try {
        const { status, stdout } = await connections.run(address, command, "");
        if (status === statuses.noMark) return "gone";
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

/** Nodes of one address share what is brought there, so it is sent once. */
function createBringer(connections: SshConnections) {
  const underWay = new Map<string, Promise<CommandResult>>();
  const semaphore = new Semaphore(maxBringing);
  return (address: string, bundle: Bundle): Promise<CommandResult> => {
    const known = underWay.get(address);
    if (known) return known;
    const bring = async () => {
      const packed = await bundle.packed;
      const transferMs = packed.length / slowestBytesPerMs;
      return await connections.run(address, bringCommand(bundle), packed, transferMs);
    };
    const bringing = semaphore.run(bring).finally(() => underWay.delete(address));
    underWay.set(address, bringing);
    return bringing;
  };
}

function requireDone(result: CommandResult, options: SshLauncherOptions, node: NodeName): void {
  if (result.status === 0) return;
  const problem = problemOf(result, options, node);
  throw new GleanerError("LAUNCH", `The executor of ${node} could not be started: ${problem}.`);
}

function problemOf(result: CommandResult, options: SshLauncherOptions, node: NodeName): string {
  const { executorProgram, bundle, logDirectory } = options;
  const said = result.stderr.trim().split("\n")[0]!.slice(0, 200) || "it said nothing";
  switch (result.status) {
    case statuses.noNode:
      return `${options.node} cannot be run there: install Node, or set programs.node`;
    case statuses.noExecutor:
      return `${executorProgram} is not there: install Gleaner on the node, or set programs.executor`;
    case statuses.noLog:
      return `the log ${executorLogFile(logDirectory, node)} cannot be written: make its folder, or set logDirectory`;
    case statuses.notPrivate:
      return `${bundle?.directory} there, or what lies in it, is not a folder of root's alone (mode 0700, no link), or one above it can be changed by others: remove it, or set placement.ssh.directory`;
    case statuses.notWritten:
      return `${bundle?.directory} cannot be written there (${said}): look whether the disk is full, or set placement.ssh.directory`;
    case statuses.notWhole:
      return `what arrived in ${bundle?.directory} is not what was sent (${said}): look at the node's disk; it is sent again`;
    case statuses.notRunnable:
      return `programs in ${bundle?.directory} cannot be run there, since it is mounted noexec: set placement.ssh.directory`;
    case statuses.notBrought:
      return `what was brought to ${bundle?.directory} is gone again: see who cleans up there`;
    default:
      return `the command that starts it ended with ${result.status ?? "a signal"} (${said}), so try it by hand`;
  }
}
