// The life of an executor that is a job of Slurm's: its allocation is its budget, and at SIGTERM it is gone in milliseconds.

import { monotonicMs } from "../../clock.js";
import { type JobId, jobId } from "../../model/ids.js";
import type { AttemptReport, LaunchSpec, PilotOrder } from "../../wire/messages.js";
import { PreemptSignal } from "../attempts/preempt-signal.js";
import { heldCoreMs } from "../budget/victims.js";
import { daemonAddressOf, Session } from "../connection/session.js";
import { takePriority } from "../containment/priority.js";
import { processGroups } from "../containment/process-groups.js";
import { Executor } from "../executor.js";
import type { JobMarks } from "../hook/node-folder.js";
import { openLog } from "../log.js";
import { readPilotJob } from "./pilot.js";

/** A pilot that is idle looks at its clock a few times until it leaves. */
const idleLooks = 4;

/** There is no hook here, so nothing was left by one. */
const noMarks: JobMarks = { readMarks: () => [], removeMarks: () => {}, takeKillNotes: () => [] };

/** Throws LAUNCH when this process is no job. */
export async function runPilot(spec: LaunchSpec, { idleMs }: PilotOrder): Promise<void> {
  const job = readPilotJob(process.env);
  const log = openLog(spec.logFile, { executor: spec.executor, pid: process.pid, job: job.id });
  process.on("uncaughtException", (bug) => {
    log("bug", { error: bug.message, stack: bug.stack });
    process.exit(1);
  });

  takePriority();
  // Slurm keeps the job in what it gave; the daemon's view of the node was its reason to ask for it, and is no bound.
  const own = { ...spec, budget: { budget: job.budget, seenHookSequence: 0, knownJobs: [] } };
  let workedAtMs = monotonicMs();
  const preemptSignal = new PreemptSignal();
  const gone = (why: string) => void leave(why);
  const { pass } = preemptSignal;
  const executor = new Executor(own, noMarks, processGroups, log, gone, undefined, pass);
  const session = new Session(daemonAddressOf(spec), spec.orphanMs, Math.random, {
    onConnected: (connection) => executor.onConnected((message) => connection.send(message)),
    onMessage: (message) => {
      if (message.type === "start" || message.type === "recorded") workedAtMs = monotonicMs();
      if (message.type !== "budget") executor.onMessage(message);
    },
    onLost: (why) => {
      executor.outbox.detach();
      log("daemonLost", { why });
    },
    onOrphaned: () => void executor.leave(`there was no daemon for ${spec.orphanMs} ms`),
  });
  const leave = async (reason: string): Promise<void> => {
    await session.close();
    log("left", { reason });
    process.exit(0);
  };
  process.on("SIGCONT", () => preemptSignal.warned());
  process.once("SIGTERM", () => {
    tellPreempted(executor, jobId(job.id));
    endAtOnce();
  });
  process.once("SIGINT", () => void executor.leave("it was told to by SIGINT"));

  executor.setHookProblem(null);
  session.start();
  setInterval(() => {
    if (executor.running.length > 0) workedAtMs = monotonicMs();
    if (monotonicMs() - workedAtMs >= idleMs)
      void executor.leave(`there was no work for ${idleMs} ms`);
  }, idleMs / idleLooks);
  log("started", { budget: job.budget });
}

/** All is said at once, since nothing can be waited for: what runs is evicted, after so long a time, and so is what ended a moment ago. */
function tellPreempted({ outbox, running }: Executor, job: JobId): void {
  const reason = `Slurm ended pilot job ${job}`;
  const nowAtMs = monotonicMs();
  const lostCoreMs = heldCoreMs(running, nowAtMs);
  const unmeasured = { exitCode: null, signal: null, cpuMs: 0, maxRssMb: 0, agoMs: 0 };
  const evicted = running.map(({ key, startedAtMs }): AttemptReport => {
    const wallMs = Math.round(nowAtMs - startedAtMs);
    return { ...key, ...unmeasured, end: "EVICTED", wallMs, reason };
  });
  outbox.sayNow({ type: "preempted", job, lostCoreMs, evicted });
}

/**
 * What was written to the socket is the kernel's by now. Commands die by their supervisors, who heard the signal as we did and
 * whose line to us breaks. Slurm looks for what is left after 20 ms, and every millisecond before is the coming job's.
 */
function endAtOnce(): void {
  process.kill(process.pid, "SIGKILL");
}
