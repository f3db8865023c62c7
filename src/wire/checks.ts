// Validates the messages of messages.ts: a peer's data is trusted only after these checks.

import type { PressureLimits, PressureReport } from "../model/capacity/pressure.js";
import type { UnkillableProcess, UnkillableReport } from "../model/capacity/unkillable.js";
import type { ExecutorId, InvocationId, JobId, NodeName } from "../model/ids.js";
import {
  type AttemptEnd,
  type Notice,
  type StartFailure,
  type StartStage,
  startStages,
} from "../model/invocation.js";
import type { Resources } from "../model/resources.js";
import { isolation } from "./isolation.js";
import {
  type AttemptKey,
  type AttemptOrder,
  type AttemptReport,
  type BudgetOrder,
  type CheckpointOrder,
  type DaemonMessage,
  type ExecutorMessage,
  type LaunchSpec,
  maxAuthorityBytes,
  type PilotOrder,
  type PluginOrder,
  type SiteFacts,
} from "./messages.js";
import {
  type Check,
  integer,
  list,
  object,
  oneOf,
  optional,
  orNull,
  pattern,
  record,
  sentence,
  tagged,
  text,
  truth,
} from "./shape.js";

/** Cores, GPUs, running attempts and jobs of one node: more than any has. */
const maxCores = 65_536;
const maxGpus = 64;
/** Linux's limit. */
const maxErrno = 4_095;
const maxAttempts = 65_536;
const maxJobs = 65_536;
/** Path patterns of Slurm's cgroups. */
const maxJobGroups = 16;
/** Executors describe 8 processes (executor/containment/unkillable.ts, describe-process.ts). */
const maxUnkillable = 64;
const maxShownLength = 512;
/** A reason is one sentence. */
const maxReasonLength = 1_000;
/** PATH_MAX. */
const maxPathLength = 4_096;
/** The upper limit of setTimeout. */
const maxTimerMs = 2_147_483_647;
/** glean-spawn's limit (see slurm-plugin/PROTOCOL.md); the frame bounds their total size. */
const maxWords = 16_384;
const maxWordLength = 4 * 1024 * 1024;
const maxId = 4_294_967_295;

const reason = sentence(maxReasonLength);
const milliseconds = integer(0);
const path = pattern(/^\/[^\0]{0,4095}$/);
const word = text(maxWordLength);
const job = integer(1, maxId) as Check<number> as Check<JobId>;
const type = <const T extends string>(name: T): Check<T> => oneOf(name);

const keyFields = {
  invocation: integer(1) as Check<number> as Check<InvocationId>,
  attempt: integer(1),
};
const key = object<AttemptKey>(keyFields);

const resources = object<Resources>({
  cores: integer(0, maxCores),
  memoryMb: integer(0),
  gpus: list(integer(0, maxGpus - 1), maxGpus),
  cpuIds: optional(list(integer(0, maxCores - 1), maxCores)),
});

const factsFields = {
  memoryIsConsumable: truth,
  maxMemoryPerCoreMb: orNull(integer(0)),
  maxCpusPerToldCpu: orNull(integer(1, maxCores)),
  jobsArePinned: truth,
  totalCores: integer(1, maxCores),
};

const budgetFields = {
  budget: resources,
  seenHookSequence: integer(0),
  knownJobs: list(job, maxJobs),
  isUnderExclusive: optional(truth),
  facts: optional(object<SiteFacts>(factsFields)),
};

const report = object<AttemptReport>({
  ...keyFields,
  end: oneOf<AttemptEnd>(
    "COMPLETED",
    "FAILED",
    "CANCELLED",
    "TIMEOUT",
    "OUT_OF_MEMORY",
    "EVICTED",
    "LOST",
  ),
  exitCode: orNull(integer(0, 255)),
  signal: orNull(integer(1, 64)),
  wallMs: milliseconds,
  cpuMs: milliseconds,
  maxRssMb: integer(0),
  reason: orNull(reason),
  startFailure: optional(
    object<StartFailure>({ stage: oneOf<StartStage>(...startStages), errno: integer(0, maxErrno) }),
  ),
  agoMs: milliseconds,
});

const command: Check<AttemptOrder["command"]> = tagged<AttemptOrder["command"]>("kind", {
  script: object({ kind: type("script"), body: word, args: list(word, maxWords) }),
  argv: object({ kind: type("argv"), argv: list(word, maxWords) }),
});

const order = object<AttemptOrder>({
  ...keyFields,
  uid: integer(0, maxId),
  gid: integer(0, maxId),
  user: text(256),
  cores: integer(1, maxCores),
  memoryMb: integer(1),
  gpus: integer(0, maxGpus),
  timeLimitMs: integer(1, maxTimerMs),
  workingDirectory: path,
  stdoutPath: text(maxPathLength),
  stderrPath: text(maxPathLength),
  environment: record(word, maxWords),
  command,
  notice: orNull(
    object<Notice>({ signal: integer(1, 64), leadMs: integer(0, maxTimerMs), mainOnly: truth }),
  ),
  checkpointDirectory: orNull(path),
});

const checkpoint = object<CheckpointOrder>({
  invocation: keyFields.invocation,
  uid: integer(0, maxId),
  gid: integer(0, maxId),
  user: text(256),
  path,
});

const shown = sentence(maxShownLength);
const unkillable = object<UnkillableReport>({
  count: integer(0, maxId),
  processes: list(
    object<UnkillableProcess>({
      pid: integer(1, maxId),
      invocation: orNull(keyFields.invocation),
      name: shown,
      user: orNull(shown),
      waitsIn: orNull(shown),
      path: orNull(shown),
      fileSystem: orNull(shown),
    }),
    maxUnkillable,
  ),
  held: resources,
});

const percent = integer(0, 100);
const pressure = object<PressureReport>({
  job: orNull(job),
  resource: oneOf("cpu", "memory"),
  percent,
  limitPercent: percent,
  intervalMs: integer(1, maxTimerMs),
});
const pressureLimits = object<PressureLimits>({
  jobCpuPercent: orNull(percent),
  jobMemoryPercent: orNull(percent),
  nodeCpuPercent: orNull(percent),
  nodeMemoryPercent: orNull(percent),
  intervalMs: integer(1, maxTimerMs),
  jobGroups: list(path, maxJobGroups),
});

const executorMessage: Check<ExecutorMessage> = tagged<ExecutorMessage>("type", {
  ready: object({
    type: type("ready"),
    pid: integer(1),
    hostName: text(256),
    containment: oneOf("cgroup2", "cgroup1", "processGroup"),
    hookProblem: orNull(reason),
    budget: resources,
    answersFor: list(key, maxAttempts),
    markedJobs: list(job, maxJobs),
    hookSequence: integer(0),
  }),
  budget: object({ type: type("budget"), budget: resources }),
  started: object({ type: type("started"), key, agoMs: milliseconds }),
  ended: object({ type: type("ended"), report }),
  jobBegan: object({
    type: type("jobBegan"),
    sequence: integer(1),
    job,
    cores: integer(0, maxCores),
    gpus: list(integer(0, maxGpus - 1), maxGpus),
    tookMs: milliseconds,
    evicted: list(key, maxAttempts),
    lostCoreMs: milliseconds,
    agoMs: milliseconds,
  }),
  jobEnded: object({ type: type("jobEnded"), sequence: integer(1), job, agoMs: milliseconds }),
  hookKilled: object({
    type: type("hookKilled"),
    job,
    tookMs: milliseconds,
    left: orNull(integer(0)),
    agoMs: milliseconds,
  }),
  checkpointRemoved: object({
    type: type("checkpointRemoved"),
    invocation: keyFields.invocation,
    problem: orNull(reason),
  }),
  gpusUnused: object({ type: type("gpusUnused"), reason }),
  pressure: object({ type: type("pressure"), report: pressure }),
  unkillable: object({ type: type("unkillable"), report: unkillable }),
  preempted: object({
    type: type("preempted"),
    job,
    lostCoreMs: milliseconds,
    evicted: list(report, maxAttempts),
  }),
  beat: object({ type: type("beat") }),
  leaving: object({ type: type("leaving"), reason }),
});

const daemonMessage: Check<DaemonMessage> = tagged<DaemonMessage>("type", {
  budget: object({ type: type("budget"), ...budgetFields }),
  start: object({ type: type("start"), order }),
  cancel: object({ type: type("cancel"), key }),
  recorded: object({ type: type("recorded"), key }),
  forgetJobs: object({ type: type("forgetJobs"), jobs: list(job, maxJobs) }),
  drain: object({ type: type("drain"), reason }),
  stop: object({
    type: type("stop"),
    reason,
    graceMs: optional(integer(0, maxTimerMs)),
  }),
  foresee: object({
    type: type("foresee"),
    inMs: orNull(integer(0, maxTimerMs)),
    reason,
  }),
  removeCheckpoint: object({ type: type("removeCheckpoint"), order: checkpoint }),
  beat: object({ type: type("beat") }),
});

const launchSpec = object<LaunchSpec>({
  executor: pattern(/^[A-Za-z0-9._:-]{1,128}$/) as Check<string> as Check<ExecutorId>,
  // The name becomes a folder's name.
  node: pattern(/^(?!\.)[A-Za-z0-9._-]{1,64}$/) as Check<string> as Check<NodeName>,
  daemonHost: pattern(/^[A-Za-z0-9.:_-]{1,255}$/),
  daemonPort: integer(1, 65_535),
  daemonCa: optional(text(maxAuthorityBytes)),
  secret: pattern(/^([0-9a-f]{2}){32,64}$/),
  runDirectory: path,
  logFile: path,
  spawnProgram: path,
  hookProgram: path,
  plugin: orNull(object<PluginOrder>({ file: path, stack: path })),
  budget: object<BudgetOrder>(budgetFields),
  ...factsFields,
  topologyFolder: orNull(path),
  spoolFolder: orNull(path),
  cpuTotal: integer(1, maxCores),
  gpuTotal: integer(0, maxGpus),
  gpuDevices: orNull(path),
  killWaitMs: integer(0, maxTimerMs),
  isolation,
  orphanMs: integer(1, maxTimerMs),
  pressure: orNull(pressureLimits),
  pilot: orNull(object<PilotOrder>({ idleMs: milliseconds })),
});

/** Each throws a GleanerError with code PROTOCOL that names the field. */
export const checkExecutorMessage = (value: unknown): ExecutorMessage =>
  executorMessage(value, "message");
export const checkDaemonMessage = (value: unknown): DaemonMessage =>
  daemonMessage(value, "message");
export const checkLaunchSpec = (value: unknown): LaunchSpec => launchSpec(value, "the launch");
