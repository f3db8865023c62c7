// Starts executors on other machines by ssh and copies the programs there, without an agent.

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
  /** The path of Node on the nodes; null for an executor as a binary. */
  readonly node: string | null;
  /** The path of the bundled executor on the nodes. */
  readonly executorProgram: string;
  /** The programs to copy to nodes; null if they are installed there. */
  readonly bundle: Bundle | null;
  readonly runDirectory: string;
  /**
   * Created if only its last part is missing; the executor of each node appends to its own file
   * there.
   */
  readonly logDirectory: string;
}

/** Handshakes that one plan may bring about: two to three seconds of processor time. */
const newConnections = 64;
/** Transfers share a network card; more at once would approach their time limits. */
const maxBringing = 8;
/** A node behind a slower line is unsuitable for short functions. */
const slowestBytesPerMs = 1_000;

/** Creates a launcher that keeps recent connections; rejects with CONFIG and LAUNCH. */
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

    // A command on an open connection takes a handshake's time no more.
    startsAtOnce: () => newConnections + connections.open,

    close: () => connections.close(),
  };
}

/** Nodes with one address share the programs, which are sent once. */
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
  throw new GleanerError("LAUNCH", `cannot start the executor of ${node}: ${problem}`);
}

function problemOf(result: CommandResult, options: SshLauncherOptions, node: NodeName): string {
  const { executorProgram, bundle, logDirectory } = options;
  const said = result.stderr.trim().split("\n")[0]!.slice(0, 200) || "no error message";
  switch (result.status) {
    case statuses.noNode:
      return `${options.node} cannot be run there: install Node, or set programs.node`;
    case statuses.noExecutor:
      return `${executorProgram} does not exist there: install Gleaner on the node, or set programs.executor`;
    case statuses.noLog:
      return `the log ${executorLogFile(logDirectory, node)} cannot be written: create its folder, or set logDirectory`;
    case statuses.notPrivate:
      return `${bundle?.directory} there is not safe (it and its subfolders must belong to root with mode 0700 and not be links, and others must not be able to change the folders above): remove it, or set placement.ssh.directory`;
    case statuses.notWritten:
      return `${bundle?.directory} cannot be written there (${said}): check whether the disk is full, or set placement.ssh.directory`;
    case statuses.notWhole:
      return `the programs arrived damaged in ${bundle?.directory} (${said}): check the node's disk; gleanerd sends them again`;
    case statuses.notRunnable:
      return `programs in ${bundle?.directory} cannot be run there, since it is mounted noexec: set placement.ssh.directory`;
    case statuses.notBrought:
      return `the programs disappeared from ${bundle?.directory}: find out what deletes files there`;
    default:
      return `the start command ended with ${result.status ?? "a signal"} (${said}): check the node by hand`;
  }
}
