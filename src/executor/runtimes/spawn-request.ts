// Encodes the request for one attempt as glean-spawn reads it (slurm-plugin/PROTOCOL.md).

import type { Isolation } from "../../wire/isolation.js";
import type { AttemptOrder } from "../../wire/messages.js";
import type { AttemptGroup } from "../containment/containment.js";
import type { SignalReach } from "./runtime.js";

/** The kernel kills functions before anything of a batch job. */
const oomScoreAdj = 1_000;

/**
 * A start that takes longer ends its attempt: an automount or a busy file server may take seconds,
 * but a FIFO without a reader or a dead server would hold the cores forever.
 */
const startLimitMs = 30_000;

/** The bytes in front of a frame's body: its length, the attempt's id, its kind. */
const headBytes = 9;
const sizeBytes = 4;

/**
 * An attempt with its site's isolation, or the removal of a checkpoint folder in place of a
 * command.
 */
export type SpawnOrder = Omit<AttemptOrder, "command"> & {
  readonly command:
    | Exclude<AttemptOrder["command"], { kind: "call" | "attached" }>
    | { readonly kind: "removeCheckpoint"; readonly path: string }
    | WorkerStart;
  readonly isolation: Isolation;
  /** Made for the command, told to it as TMPDIR, and removed with all in it. */
  readonly temporaryPath?: string;
  /** What standard input holds, in place of a file. */
  readonly input?: Buffer;
};

/**
 * A worker, or a parent that workers outlive; it connects to the executor's socket as `id` before
 * it runs.
 */
export interface WorkerStart {
  readonly kind: "worker" | "parent";
  readonly argv: readonly string[];
  readonly socketPath: string;
  readonly id: number;
}

/**
 * What an executor asks for a running attempt: SIGTERM, SIGTERM at its time limit or to run it
 * again, its notice, or the end of its tree.
 */
export type Control = "T" | "L" | "Q" | "N" | "K";

export function encodeControl(id: number, kind: Control): Buffer {
  const frame = Buffer.allocUnsafe(headBytes);
  writeHead(frame, id, kind);
  return frame;
}

const reaches = { main: "M", steps: "S", children: "C", all: "A" } as const;

export function encodeSignal(id: number, signal: number, reach: SignalReach): Buffer {
  const frame = Buffer.allocUnsafe(headBytes + 2);
  const at = writeHead(frame, id, "S");
  frame.writeUInt8(reaches[reach].charCodeAt(0), frame.writeUInt8(signal, at));
  return frame;
}

/** Lets a user read a folder of code. */
export function encodeAdmission(id: number, uid: number, folder: string): Buffer {
  const frame = Buffer.allocUnsafe(headBytes + sizeBytes + Buffer.byteLength(folder));
  const at = writeHead(frame, id, "A");
  frame.write(folder, frame.writeUInt32LE(uid, at));
  return frame;
}

/** A frame whose body consists of records: a u32 size and `key=value` each; little-endian. */
export function encodeRequest(
  id: number,
  order: SpawnOrder,
  group: AttemptGroup,
  sharesSession: boolean,
): Buffer {
  const records = recordsOf(order, group, sharesSession);
  const sizes = records.map((record) => Buffer.byteLength(record));
  const total = sizes.reduce((sum, size) => sum + sizeBytes + size, headBytes);
  const frame = Buffer.allocUnsafe(total);
  let at = writeHead(frame, id, "R");
  for (const [index, record] of records.entries()) {
    at = frame.writeUInt32LE(sizes[index]!, at);
    at += frame.write(record, at);
  }
  return frame;
}

function writeHead(frame: Buffer, id: number, kind: Control | "R" | "S" | "A"): number {
  frame.writeUInt32LE(frame.length - headBytes, 0);
  frame.writeUInt32LE(id, 4);
  return frame.writeUInt8(kind.charCodeAt(0), 8);
}

function recordsOf(order: SpawnOrder, group: AttemptGroup, sharesSession: boolean): string[] {
  const records = [
    `uid=${order.uid}`,
    `gid=${order.gid}`,
    `user=${order.user}`,
    `cwd=${order.workingDirectory}`,
    `stdout=${order.stdoutPath}`,
    `stderr=${order.stderrPath}`,
    ...filesOf(order),
    `oomScoreAdj=${oomScoreAdj}`,
    // Everything else on the node takes precedence; the executor's own nice value must not be
    // inherited.
    "nice=0",
    "idle=1",
    `memoryMb=${order.memoryMb}`,
  ];
  if (sharesSession) records.push("sharedSession=1");
  records.push(...temporaryOf(order));
  if (order.checkpointDirectory !== null) records.push(`checkpoint=${order.checkpointDirectory}`);
  if (order.notice !== null) records.push(`notice=${order.notice.signal}`);
  if (order.notice?.mainOnly) records.push("noticeMain=1");
  // The daemon's admission decided whether root may run functions.
  if (order.uid === 0) records.push("allowRoot=1");
  for (const file of group.joinFiles) records.push(`join=${file}`);
  if (group.killFile !== null) records.push(`kill=${group.killFile}`);
  if (group.pollMemory) records.push("pollMemory=1");
  if (group.maxPolledProcesses !== null) records.push(`maxProcesses=${group.maxPolledProcesses}`);
  for (const name of Object.keys(order.environment))
    records.push(`env=${name}=${order.environment[name]}`);
  const { command } = order;
  if (command.kind === "removeCheckpoint") {
    records.push(`removeCheckpoint=${command.path}`);
    return records;
  }
  records.push(`startMs=${startLimitMs}`, ...isolationOf(order.isolation));
  if (order.input !== undefined) records.push(`input=${order.input.toString()}`);
  if (command.kind === "script") records.push(`script=${command.body}`, "arg=script");
  for (const word of command.kind === "script" ? command.args : command.argv)
    records.push(`arg=${word}`);
  if (command.kind === "parent") records.push("keepsChildren=1");
  if (command.kind === "worker" || command.kind === "parent")
    records.push(`workerSocket=${command.socketPath}`, `workerId=${command.id}`);
  return records;
}

/** The files and limits that a batch job would get of its submitter's shell. */
function filesOf({ stdinPath, openMode, keepSinceMs, umask, limits }: SpawnOrder): string[] {
  return [
    ...(stdinPath === undefined ? [] : [`stdin=${stdinPath}`]),
    ...(openMode === undefined ? [] : [`open=${openMode}`]),
    ...(keepSinceMs === undefined ? [] : [`keepSinceMs=${keepSinceMs}`]),
    ...(umask === undefined ? [] : [`umask=${umask.toString(8)}`]),
    ...(limits ?? []).map((limit) => `limit=${limit}`),
  ];
}

function temporaryOf({ temporaryPath, temporaryMb }: SpawnOrder): string[] {
  if (temporaryPath === undefined) return [];
  const size = temporaryMb === undefined ? [] : [`temporaryMb=${temporaryMb}`];
  return [`temporary=${temporaryPath}`, ...size];
}

function isolationOf(isolation: Isolation): string[] {
  const { privateDirectories, pamService, userNamespaces, rareSystemCalls } = isolation;
  const records = privateDirectories.map((path) => `privateDirectory=${path}`);
  if (pamService !== null) records.push(`pamService=${pamService}`);
  if (!userNamespaces) records.push("noUserNamespaces=1");
  if (!rareSystemCalls) records.push("noRareCalls=1");
  return records;
}
