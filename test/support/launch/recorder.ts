// An executor that only records how it was started, for the launchers' tests.

import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, watch, writeFileSync } from "node:fs";
import { join } from "node:path";
import { untilGone } from "../../../scripts/cluster/processes/gone.js";

/**
 * Writes its mark, then a record of how it was started, and stays. Finds its folders relative to
 * its own place.
 */
const recorder = `
const { readFileSync, writeFileSync, mkdirSync, renameSync } = require("node:fs");
const input = readFileSync(0, "utf8");
const { node } = JSON.parse(input);
const startTicks = readFileSync("/proc/self/stat", "latin1").split(") ").pop().split(" ")[19];
mkdirSync(__dirname + "/run/" + node, { recursive: true });
writeFileSync(__dirname + "/run/" + node + "/executor.pid", "pid=" + process.pid + "\\nstartTicks=" + startTicks + "\\n");
const record = {
  input, pid: process.pid, argv: process.argv, environment: process.env, directory: process.cwd(),
  umask: process.umask(), session: readFileSync("/proc/self/stat", "latin1").split(") ").pop().split(" ")[3],
  coreBytes: /^Max core file size +(\\S+)/m.exec(readFileSync("/proc/self/limits", "latin1"))[1],
};
console.log("started");
writeFileSync(__dirname + "/record.new", JSON.stringify(record));
renameSync(__dirname + "/record.new", __dirname + "/record-" + node + ".json");
setInterval(() => {}, 1 << 30);
`;

export interface StartRecord {
  readonly input: string;
  readonly pid: number;
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly directory: string;
  readonly umask: number;
  readonly session: string;
  /** The limit of core files, as /proc has it. */
  readonly coreBytes: string;
}

/** Lays out a folder as a node has it; returns the launchers' common options. */
export function layOutNode(folder: string) {
  const executorProgram = join(folder, "executor.cjs");
  writeFileSync(executorProgram, recorder);
  for (const name of ["run", "log"]) mkdirSync(join(folder, name));
  return {
    node: process.execPath,
    executorProgram,
    runDirectory: join(folder, "run"),
    logDirectory: join(folder, "log"),
  };
}

/** Waits until the executor of the node has recorded its start. */
export async function startRecord(folder: string, node: string): Promise<StartRecord> {
  const file = join(folder, `record-${node}.json`);
  await fileEvent(folder, () => existsSync(file));
  return JSON.parse(readFileSync(file, "utf8"));
}

/**
 * Resolves when `ready` holds, checked at once and at each change in the folder; jest's time limit
 * ends the wait.
 */
async function fileEvent(folder: string, ready: () => boolean): Promise<void> {
  const watcher = watch(folder);
  try {
    while (!ready()) await once(watcher, "change");
  } finally {
    watcher.close();
  }
}

/**
 * Ends a process and waits until it is gone; its parent may be init, so there is no event to wait
 * for.
 */
export async function killAndWait(pid: number): Promise<void> {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    return;
  }
  await untilGone(pid);
}
