// Runs one command under glean-spawn, over its descriptors 3, 4 and 5 (slurm-plugin/PROTOCOL.md).

import { type ChildProcess, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { machineMonotonicNs } from "../../clock.js";
import { errnoOf } from "../../model/errors.js";
import { startStages } from "../../model/invocation.js";
import type { Isolation } from "../../wire/isolation.js";
import type { AttemptOrder } from "../../wire/messages.js";
import type { AttemptGroup } from "../containment/containment.js";
import { killGroupOf } from "../node/processes.js";
import type { ProcessEnd, ProcessEvents, RunHandle } from "./runtime.js";

/** The kernel kills functions before anything of a batch job. */
const oomScoreAdj = 1_000;
/** A report line has at most 512 bytes; a longer line does not come from glean-spawn. */
const maxReportBytes = 4_096;

/**
 * A start that takes longer ends its attempt: an automount or a busy file server may take seconds,
 * but a FIFO without a reader or a dead server would hold the cores forever.
 */
const startLimitMs = 30_000;

/**
 * An attempt with its site's isolation, or the removal of a checkpoint folder in place of a
 * command.
 */
export type SpawnOrder = Omit<AttemptOrder, "command"> & {
  readonly command:
    | Exclude<AttemptOrder["command"], { kind: "call" }>
    | { readonly kind: "removeCheckpoint"; readonly path: string }
    | WorkerStart;
  readonly isolation: Isolation;
};

/** A worker, which connects to the executor's socket as `id` before it runs. */
export interface WorkerStart {
  readonly kind: "worker";
  readonly argv: readonly string[];
  readonly socketPath: string;
  readonly id: number;
}

/**
 * Starts one attempt in its group. Never throws: errors become ends. With `sharesSession`, the
 * command stays in our session: where sessions are scheduled as groups (autogroup), idle priority
 * counts only within a session, and a non-root user cannot create a session of lower priority than
 * ours, so that busy functions would take as much of a processor as the process that has to end
 * them.
 */
export function spawnAttempt(
  program: string,
  order: SpawnOrder,
  group: AttemptGroup,
  events: ProcessEvents,
  sharesSession = process.geteuid!() !== 0,
): RunHandle {
  const child = spawn(program, [], {
    stdio: ["ignore", "ignore", "ignore", "pipe", "pipe", "pipe"],
    // Otherwise signals that a terminal sends to the executor would reach it.
    detached: !sharesSession,
    cwd: "/",
    env: {},
  });
  if (child.pid === undefined) {
    // The program is missing or there are no free descriptors: no process exists.
    child.on("error", (error) => {
      const message = `cannot run glean-spawn: ${error.message}`;
      events.onEnd({ kind: "failed", stage: "start", errno: errnoOf(error), message, heldMs: 0 });
    });
    return { terminate: () => {}, notify: () => {}, kill: () => {} };
  }
  const [request, control, report] = child.stdio.slice(3) as [Writable, Writable, Readable];
  // glean-spawn may exit before it has read everything; only its end counts.
  request.on("error", () => {});
  control.on("error", () => {});
  request.end(encodeRequest(order, group, sharesSession));
  watch(child, report, group, events);
  return {
    terminate: () => void control.write("T"),
    notify: () => void control.write("N"),
    kill: () => {
      group.kill();
      control.write("K");
    },
  };
}

function watch(
  child: ChildProcess,
  report: Readable,
  group: AttemptGroup,
  events: ProcessEvents,
): void {
  let text = "";
  const spawnedNs = machineMonotonicNs();
  let started: { pid: number; startNs: bigint } | null = null;
  let end: ProcessEnd | null = null;
  const take = (line: string) => {
    const isStart = /^started (\d{1,10}) \d{1,20} (\d{1,20})$/.exec(line);
    if (isStart && started === null) {
      started = { pid: Number(isStart[1]), startNs: BigInt(isStart[2]!) };
      events.onStarted(started.pid);
    } else end ??= parseEnd(line, started?.startNs ?? null, spawnedNs, group.maxPolledProcesses);
  };
  report.setEncoding("latin1");
  report.on("error", () => {});
  report.on("data", (piece: string) => {
    const lines = (text + piece).split("\n");
    text = lines.pop()!.slice(0, maxReportBytes);
    for (const line of lines) take(line);
  });
  // Does not end at the last report line: when an executor leaves, its supervisors must be gone
  // too.
  child.on("close", (code, signal) => {
    if (end === null && started !== null) killGroupOf(started.pid);
    const message = `glean-spawn ended without a report (${signal ?? `exit ${code}`})`;
    events.onEnd(end ?? { kind: "vanished", message });
  });
}

function parseEnd(
  line: string,
  startNs: bigint | null,
  spawnedNs: bigint,
  processLimit: number | null,
): ProcessEnd | null {
  const failed = /^failed ([a-z-]{1,20}) (\d{1,4}) (.*)$/.exec(line);
  if (failed) {
    // An unknown stage comes from a newer glean-spawn.
    const stage = startStages.find((each) => each === failed[1]) ?? "start";
    const heldMs = Number((machineMonotonicNs() - spawnedNs) / 1_000_000n);
    return { kind: "failed", stage, errno: Number(failed[2]), message: failed[3]!, heldMs };
  }
  const ended = /^ended (\d+) (\d+) (\d+) (\d+) (\d+) (\d+) (\d+) ([01])$/.exec(line);
  if (!ended || startNs === null) return null;
  const [exitCode, signal, , userMs, systemMs, maxRssKb, oomKills] = ended.slice(1).map(Number);
  return {
    kind: "ended",
    exitCode: exitCode!,
    signal: signal!,
    startNs,
    endNs: BigInt(ended[3]!),
    cpuMs: userMs! + systemMs!,
    maxRssMb: Math.ceil(maxRssKb! / 1024),
    oomKills: oomKills!,
    brokenProcessLimit: ended[8] === "1" ? processLimit : null,
  };
}

/** A u32 length, then records of u32 size and `key=value`; little-endian. */
function encodeRequest(order: SpawnOrder, group: AttemptGroup, sharesSession: boolean): Buffer {
  const records: [string, string | number][] = [
    ["uid", order.uid],
    ["gid", order.gid],
    ["user", order.user],
    ["cwd", order.workingDirectory],
    ["stdout", order.stdoutPath],
    ["stderr", order.stderrPath],
    ["oomScoreAdj", oomScoreAdj],
    // Everything else on the node takes precedence; the executor's own nice value must not be
    // inherited.
    ["nice", 0],
    ["idle", 1],
    ["memoryMb", order.memoryMb],
  ];
  if (sharesSession) records.push(["sharedSession", 1]);
  if (order.checkpointDirectory !== null) records.push(["checkpoint", order.checkpointDirectory]);
  if (order.notice !== null) records.push(["notice", order.notice.signal]);
  if (order.notice?.mainOnly) records.push(["noticeMain", 1]);
  // The daemon's admission decided whether root may run functions.
  if (order.uid === 0) records.push(["allowRoot", 1]);
  for (const file of group.joinFiles) records.push(["join", file]);
  if (group.killFile !== null) records.push(["kill", group.killFile]);
  if (group.pollMemory) records.push(["pollMemory", 1]);
  if (group.maxPolledProcesses !== null) records.push(["maxProcesses", group.maxPolledProcesses]);
  for (const [name, value] of Object.entries(order.environment))
    records.push(["env", `${name}=${value}`]);
  const { command } = order;
  if (command.kind === "removeCheckpoint") records.push(["removeCheckpoint", command.path]);
  else {
    records.push(["startMs", startLimitMs], ...isolationOf(order.isolation));
  }
  if (command.kind === "script") {
    records.push(["script", command.body], ["arg", "script"]);
    for (const word of command.args) records.push(["arg", word]);
  } else if (command.kind !== "removeCheckpoint")
    for (const word of command.argv) records.push(["arg", word]);
  if (command.kind === "worker")
    records.push(["workerSocket", command.socketPath], ["workerId", command.id]);
  const body = Buffer.concat(
    records.flatMap(([key, value]) => {
      const bytes = Buffer.from(`${key}=${value}`);
      return [sizeOf(bytes), bytes];
    }),
  );
  return Buffer.concat([sizeOf(body), body]);
}

function isolationOf(isolation: Isolation): [string, string | number][] {
  const { privateDirectories, pamService, userNamespaces, rareSystemCalls } = isolation;
  const records = privateDirectories.map((path): [string, string] => ["privateDirectory", path]);
  if (pamService !== null) records.push(["pamService", pamService]);
  return [
    ...records,
    ...(userNamespaces ? [] : [["noUserNamespaces", 1] as [string, number]]),
    ...(rareSystemCalls ? [] : [["noRareCalls", 1] as [string, number]]),
  ];
}

function sizeOf(bytes: Buffer): Buffer {
  const size = Buffer.allocUnsafe(4);
  size.writeUInt32LE(bytes.length);
  return size;
}
