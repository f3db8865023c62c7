// Runs an executor that is a Slurm job: its allocation is its budget, and at SIGTERM it is gone
// within milliseconds.

import { dirname, join } from "node:path";
import { monotonicMs } from "../../clock.js";
import { type JobId, jobId } from "../../model/ids.js";
import type { LaunchSpec, PilotOrder } from "../../wire/launch.js";
import type { AttemptReport } from "../../wire/messages.js";
import { attachProgram as attachName } from "../../workers/runtime-command.js";
import { placesOf } from "../attempts/places.js";
import { PreemptSignal } from "../attempts/preempt-signal.js";
import { heldCoreMs } from "../budget/victims.js";
import { daemonAddressOf, Session } from "../connection/session.js";
import { standBesideJobs } from "../containment/priority.js";
import { Executor } from "../executor.js";
import type { JobMarks } from "../hook/node-folder.js";
import { openLog } from "../log.js";
import { isNodeShortOf } from "../node/memory.js";
import { Spawner } from "../runtimes/spawner.js";
import { TemporaryFolder } from "../runtimes/temporary-folder.js";
import { stepsIn } from "../steps/step-names.js";
import { eventsFor } from "../workers/start.js";
import { IdleTime } from "./idle-time.js";
import { readPilotJob } from "./pilot.js";
import { pilotGroups, pilotWorkers } from "./workers.js";

/** A pilot has no hook, so there are no marks. */
const noMarks: JobMarks = { readMarks: () => [], removeMarks: () => {}, takeKillNotes: () => [] };

/** What says that it has work. */
const workTypes: ReadonlySet<string> = new Set(["start", "startRun", "recorded"]);

/** Throws LAUNCH if this process is not a job. */
export async function runPilot(spec: LaunchSpec, { idleMs }: PilotOrder): Promise<void> {
  const job = readPilotJob(process.env);
  const log = openLog(spec.logFile, { executor: spec.executor, pid: process.pid, job: job.id });
  process.on("uncaughtException", (bug) => {
    log("bug", { error: bug.message, stack: bug.stack });
    process.exit(1);
  });

  standBesideJobs();
  // Slurm confines the job to its allocation; the daemon's view of the node was the reason to
  // request it, not a limit.
  const own = { ...spec, budget: { budget: job.budget, seenHookSequence: 0, knownJobs: [] } };
  const idle = new IdleTime(idleMs);
  const preemptSignal = new PreemptSignal();
  const gone = (why: string) => void leave(why);
  const { pass } = preemptSignal;
  const trouble = (what: string) => log("trouble", { what });
  const temporary = TemporaryFolder.open(spec, trouble);
  const spawner = new Spawner(spec.spawnProgram, undefined, temporary);
  // Functions are this user's own: they may run what lies beside this program.
  const attachProgram = () => join(dirname(process.argv[1] ?? "/"), attachName);
  const steps = stepsIn(spec.cacheFolder, trouble);
  const tell = eventsFor(() => executor, trouble);
  const functions = await pilotWorkers(spec, spawner, tell);
  const outside = { ...functions, gone, pass, spawner, attachProgram, isNodeShortOf, ...steps };
  const executor: Executor = new Executor(own, noMarks, pilotGroups, log, outside);
  const session = new Session(daemonAddressOf(spec), spec.orphanMs, Math.random, {
    onConnected: (connection) => {
      // Before, nobody could give it work.
      idle.worked();
      executor.onConnected((...said) => connection.send(...said));
    },
    onMessage: (message) => {
      if (workTypes.has(message.type)) idle.worked();
      if (message.type !== "budget") executor.onMessage(message);
    },
    onLost: () => executor.onLost(),
    onTrouble: (why) => log("daemonLost", { why }),
    onOrphaned: () =>
      void executor.leave(`it had no connection to gleanerd for ${spec.orphanMs} ms`),
  });
  const leave = async (reason: string): Promise<void> => {
    await session.close();
    for (const each of [functions, temporary]) each?.close();
    log("left", { reason });
    process.exit(0);
  };
  process.on("SIGCONT", () => preemptSignal.warned());
  process.once("SIGTERM", () => {
    tellPreempted(executor, jobId(job.id));
    functions.close();
    endAtOnce();
  });
  process.once("SIGINT", () => void executor.leave("it received SIGINT"));

  executor.setHookProblem(null);
  session.start();
  idle.watch(executor);
  log("started", { budget: job.budget });
}

/**
 * Sends everything at once, because there is no time to wait: running attempts are evicted, with
 * their run times, and so are those that have just ended.
 */
function tellPreempted({ outbox, running }: Executor, job: JobId): void {
  const reason = `Slurm ended pilot job ${job}`;
  const nowAtMs = monotonicMs();
  const lostCoreMs = heldCoreMs(placesOf(running), nowAtMs);
  const unmeasured = { exitCode: null, signal: null, cpuMs: 0, maxRssMb: 0, agoMs: 0 };
  const evicted = running.map(({ key, startedAtMs }): AttemptReport => {
    const wallMs = Math.round(nowAtMs - startedAtMs);
    return { ...key, ...unmeasured, end: "EVICTED", wallMs, reason };
  });
  outbox.sayNow({ type: "preempted", job, lostCoreMs, evicted });
}

/**
 * The kernel has the data written to the socket. Commands are killed by their supervisors, which
 * received the signal too and whose pipe to us breaks. Slurm looks for what is left after 20 ms,
 * and the next job waits for every earlier millisecond.
 */
function endAtOnce(): void {
  process.kill(process.pid, "SIGKILL");
}
