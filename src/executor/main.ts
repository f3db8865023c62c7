// The program glean-executor: reads its launch on standard input, sets itself up on the node, and
// runs until it leaves.

import { dirname, join } from "node:path";
import { GleanerError, messageOf } from "../model/errors.js";
import type { LaunchSpec } from "../wire/launch.js";
import { checkLaunchSpec } from "../wire/launch.js";
import { daemonAddressOf, Session } from "./connection/session.js";
import { openContainment } from "./containment/cgroups.js";
import type { Containment } from "./containment/containment.js";
import { describeBy } from "./containment/describe-process.js";
import { standBesideJobs } from "./containment/priority.js";
import { Unkillable } from "./containment/unkillable.js";
import { Conversation, ownOrder } from "./conversation.js";
import { Executor } from "./executor.js";
import { watchFolder } from "./hook/folder-watch.js";
import { NodeFolder } from "./hook/node-folder.js";
import { findPlugin } from "./hook/plugin-probe.js";
import { probeHook } from "./hook/probe.js";
import { serveHook } from "./hook/socket.js";
import { type StepWatch, watchSteps } from "./hook/step-watch.js";
import { tellKillNotes } from "./kill-notes.js";
import { type Log, openLog } from "./log.js";
import { gpuProblemHere } from "./node/gpu-devices.js";
import { isNodeShortOf } from "./node/memory.js";
import { watchPressure } from "./node/pressure.js";
import { runPilot } from "./pilot/main.js";
import { unseal } from "./pilot/pilot.js";
import { Spawner } from "./runtimes/spawner.js";
import { TemporaryFolder } from "./runtimes/temporary-folder.js";
import { stepsIn } from "./steps/step-names.js";
import { eventsFor, startWorkers } from "./workers/start.js";

/** Large enough for the ids of all jobs on a node. */
const maxSpecBytes = 1024 * 1024;

/** Reads up to the end of the first line; throws BAD_REQUEST or PROTOCOL if it is not a launch. */
async function readSpec(): Promise<LaunchSpec> {
  let text = "";
  for await (const piece of process.stdin.setEncoding("utf8")) {
    text += piece;
    if (text.includes("\n") || text.length > maxSpecBytes) break;
  }
  if (text.startsWith("MUNGE:")) text = await unseal(text, mungeSocketOf(process.argv[2]));
  const end = text.indexOf("\n");
  let value: unknown;
  try {
    value = JSON.parse(text.slice(0, end < 0 ? maxSpecBytes : end));
  } catch (cause) {
    throw new GleanerError(
      "BAD_REQUEST",
      "glean-executor is started by gleanerd, which gives it one line of JSON on standard input",
      { cause },
    );
  }
  return checkLaunchSpec(value);
}

/** The script of a pilot names it: none of our files on a compute node says where munge listens. */
function mungeSocketOf(option: string | undefined): string | null {
  return /^--munge-socket=(\/.+)$/.exec(option ?? "")?.[1] ?? null;
}

/** null if Slurm runs the hook on this node and the hook finds us; else one sentence why not. */
async function hookProblemHere({ plugin, hookProgram, node, executor }: LaunchSpec) {
  if (plugin === null) return await probeHook(hookProgram, [], node, executor);
  const found = findPlugin(plugin, node);
  if ("problem" in found) return found.problem;
  return await probeHook(hookProgram, [plugin.file, ...found.options], node, executor);
}

/** Reports batch jobs that suffer from functions, and leaves those alone that need all memory. */
function guard({ pressure, node }: LaunchSpec, { killFile }: Containment, executor: Executor) {
  if (isNodeShortOf(0)) executor.departure.close();
  if (pressure === null) return;
  const ownGroup = killFile === null ? null : join(dirname(killFile), "work");
  const jobs = () => executor.jobsBesideWork;
  watchPressure(pressure, node, ownGroup, jobs, (report) =>
    executor.outbox.sayNow({ type: "pressure", report }),
  );
}

/** If Slurm names no spool folder, gleanerd's next read of Slurm finds jobs without a prolog. */
function stepsHere({ spoolFolder, node }: LaunchSpec, executor: Executor, log: Log): StepWatch {
  if (spoolFolder === null) return { close: () => {} };
  const trouble = (what: string) => log("trouble", { what });
  return watchSteps(spoolFolder, node, (job) => void executor.stepBegan(job), trouble);
}

function heedReasonsToLeave(executor: Executor, folder: NodeFolder): void {
  watchFolder(folder, (problem) => void executor.leave(problem));
  for (const signal of ["SIGTERM", "SIGINT"] as const)
    process.on(signal, () => void executor.leave(`it received ${signal}`));
  // Its ssh session may end; the executor lives as long as the daemon's connection.
  process.on("SIGHUP", () => {});
}

function sessionOf(
  spec: LaunchSpec,
  executor: Executor,
  { onConnected, onMessage }: Conversation,
  log: Log,
): Session {
  const { orphanMs, killWaitMs } = spec;
  return new Session(daemonAddressOf(spec), orphanMs, Math.random, {
    onConnected,
    onMessage,
    onLost: () => executor.onLost(),
    onTrouble: (why) => log("daemonLost", { why }),
    onOrphaned: () =>
      void executor.leave(`it had no connection to gleanerd for ${orphanMs} ms`, killWaitMs),
  });
}

async function run(spec: LaunchSpec): Promise<void> {
  const log = openLog(spec.logFile, { executor: spec.executor, pid: process.pid });
  process.on("uncaughtException", (bug) => {
    log("bug", { error: bug.message, stack: bug.stack });
    // glean-spawn kills what runs as soon as its executor is gone.
    process.exit(1);
  });

  standBesideJobs();
  const folder = NodeFolder.claim(spec.runDirectory, spec.node, spec.executor);
  const explain = (why: string) => log("containment", { why });
  const known = () => folder.readUnkillable();
  const place = await openContainment(spec.runDirectory, spec.node, explain, known);
  const { containment } = place;
  folder.publishKillFile(containment.killFile);

  const gpuProblem = gpuProblemHere(spec.gpuDevices, spec.gpuTotal);
  const unkillable = new Unkillable(place.hung, folder, describeBy(spec.spawnProgram), (report) => {
    log("unkillable", { report });
    conversation?.hungChanged();
  });
  let conversation: Conversation | null = null;
  unkillable.look();
  const own = { ...spec, budget: ownOrder(spec.budget, gpuProblem, unkillable) };
  const paths = { socket: folder.workerSocketPath, cache: spec.cacheFolder };
  const temporary = TemporaryFolder.open(spec, explain);
  const spawner = new Spawner(spec.spawnProgram, undefined, temporary);
  const tell = eventsFor(() => executor, explain);
  const functions = await startWorkers(spec, spawner, containment, paths, tell);
  const { workers, code, payloads, leases, attachProgram } = functions;
  const executor: Executor = new Executor(own, folder, containment, log, {
    spawner,
    gone: (reason) => void leave(reason),
    hung: (group) => unkillable.add(group),
    ...{ workers, code, payloads, leases, attachProgram, isNodeShortOf },
    ...stepsIn(spec.cacheFolder, explain),
  });
  const hook = await serveHook(folder.socketPath, spec.executor, executor);
  executor.readMarks();
  tellKillNotes(folder, executor.outbox);
  const steps = stepsHere(spec, executor, log);

  conversation = new Conversation(executor, spec.budget, gpuProblem, unkillable);
  const session = sessionOf(spec, executor, conversation, log);
  const leave = async (reason: string): Promise<void> => {
    await session.close();
    await hook.close();
    for (const each of [steps, functions, temporary]) each?.close();
    await containment.close();
    folder.leave();
    log("left", { reason });
    process.exit(0);
  };
  heedReasonsToLeave(executor, folder);

  executor.setHookProblem(await hookProblemHere(spec));
  session.start();
  guard(spec, containment, executor);
  log("started", { containment: containment.kind });
}

readSpec()
  .then((spec) => (spec.pilot === null ? run(spec) : runPilot(spec, spec.pilot)))
  .catch((thrown) => {
    process.stderr.write(`glean-executor: ${messageOf(thrown)}\n`);
    process.exit(1);
  });
