// A node of the fleet: the real executor with its connection to gleanerd, on a machine where every
// command ends as soon as it has started.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { machineMonotonicNs, setImmediate } from "../../../src/clock.js";
import { daemonAddressOf, Session } from "../../../src/executor/connection/session.js";
import type { AttemptGroup, Containment } from "../../../src/executor/containment/containment.js";
import { Executor } from "../../../src/executor/executor.js";
import type { ProcessEvents, RunHandle } from "../../../src/executor/runtimes/runtime.js";
import { processMarkFile, startTicksOf } from "../../../src/launch/process-mark.js";
import type { LaunchSpec } from "../../../src/wire/launch.js";

/** Certainly no process of this machine. */
const pid = 2 ** 30;
const group: AttemptGroup = {
  joinFiles: [],
  killFile: "/nowhere/cgroup.kill",
  pollMemory: false,
  maxPolledProcesses: null,
  closesGpus: false,
  isFrozen: true,
  kill: () => {},
  freeze: () => {},
  isEmpty: () => true,
  processes: () => [],
  hanging: () => [],
  remove: () => true,
};
const containment: Containment = {
  kind: "cgroup2",
  killFile: group.killFile,
  openGroup: () => group,
  killAll: () => true,
  isEmpty: () => true,
  hurry: () => {},
  rehearseMove: async () => {},
  limit: () => {},
  confine: () => {},
  close: async () => {},
};
const folder = { readMarks: () => [], removeMarks: () => {}, takeKillNotes: () => [] };
const handle: RunHandle = { terminate: () => {}, notify: () => {}, kill: () => {} };

function runNothing(events: ProcessEvents): RunHandle {
  const startNs = machineMonotonicNs();
  setImmediate(() => {
    events.onStarted(pid);
    const usage = { cpuMs: 0, maxRssMb: 1, oomKills: 0, brokenProcessLimit: null };
    const endNs = machineMonotonicNs();
    events.onEnd({ kind: "ended", exitCode: 0, signal: 0, startNs, endNs, ...usage });
  });
  return handle;
}

/** As an executor does, so that gleanerd finds it while it is not connected. */
function leaveMark({ runDirectory, node, executor }: LaunchSpec): void {
  const startTicks = startTicksOf(readFileSync("/proc/self/stat", "utf8"));
  mkdirSync(join(runDirectory, node), { recursive: true });
  writeFileSync(
    processMarkFile(runDirectory, node),
    `pid=${process.pid}\nstartTicks=${startTicks}\nexecutor=${executor}\n`,
  );
}

/** Connects, and stays until gleanerd tells it to leave. */
export function startNode(spec: LaunchSpec): void {
  leaveMark(spec);
  const spawner = { start: (_: unknown, __: unknown, events: ProcessEvents) => runNothing(events) };
  const executor: Executor = new Executor(spec, folder, containment, () => {}, {
    spawner: { ...spawner, close: async () => {} },
    isNodeShortOf: () => false,
    gone: () => void session.close(),
  });
  const session: Session = new Session(daemonAddressOf(spec), spec.orphanMs, Math.random, {
    onConnected: (connection) => executor.onConnected((message) => connection.send(message)),
    onMessage: (message) => executor.onMessage(message),
    onLost: () => executor.onLost(),
    onTrouble: () => {},
    onOrphaned: () => void executor.leave("it had no connection to gleanerd"),
  });
  executor.setHookProblem(null);
  session.start();
}
