// Validates the messages of messages.ts: a peer's data is trusted only after these checks.

import type { PressureReport } from "../model/capacity/pressure.js";
import type { UnkillableProcess, UnkillableReport } from "../model/capacity/unkillable.js";
import type { JobId } from "../model/ids.js";
import { attemptEnds, type Notice } from "../model/invocation.js";
import { type StartFailure, type StartStage, startStages } from "../model/records/start-failure.js";
import { maxGpus, type Resources } from "../model/resources.js";
import { attemptKey, attemptKeyFields } from "./attempt-key.js";
import {
  aheadEnded,
  answer,
  bundlePart,
  callCommand,
  extendLease,
  leaseMessages,
  leaseUsage,
  maxLogBytes,
  phases,
  pieceMessages,
  reason,
  runTasks,
  version,
  warmWorkers,
} from "./call-checks.js";
import { shellFields } from "./isolation.js";
import type {
  AttemptOrder,
  AttemptReport,
  CallAttemptOrder,
  CheckpointOrder,
  DaemonMessage,
  ExecutorMessage,
  SiteFacts,
} from "./messages.js";
import { attachedCommand } from "./run/attached-checks.js";
import {
  bytes,
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

/** Cores, running attempts and jobs of one node: more than any has. */
export const maxCores = 65_536;
/** Generic resources that Slurm counts: more than any site has. */
const maxGresNames = 256;
/** Linux's limit. */
const maxErrno = 4_095;
const [maxAttempts, maxJobs] = [65_536, 65_536];
/** Executors describe 8 processes (executor/containment/unkillable.ts, describe-process.ts). */
const maxUnkillable = 64;
const maxShownLength = 512;
/** A call's settings have at most 64 KiB, and its other terms are short. */
const maxVoucherBytes = 128 * 1024;
/** Those of Linux, with the real-time signals. */
const maxSignal = 64;
/** PATH_MAX. */
const maxPathLength = 4_096;
/** The upper limit of setTimeout. */
export const maxTimerMs = 2_147_483_647;
/** glean-spawn's limit (see slurm-plugin/PROTOCOL.md); the frame bounds their total size. */
const maxWords = 16_384;
const maxWordLength = 4 * 1024 * 1024;
const maxId = 4_294_967_295;

const signalNumber = integer(1, maxSignal);
export const milliseconds = integer(0);
export const path = pattern(/^\/[^\0]{0,4095}$/);
const word = text(maxWordLength);
const job = integer(1, maxId) as Check<number> as Check<JobId>;
const type = <const T extends string>(name: T): Check<T> => oneOf(name);

const gres = optional(record(integer(0), maxGresNames));
const resources = object<Resources>({
  cores: integer(0, maxCores),
  memoryMb: integer(0),
  gpus: list(integer(0, maxGpus - 1), maxGpus),
  cpuIds: optional(list(integer(0, maxCores - 1), maxCores)),
  gres,
});

export const factsFields = {
  memoryIsConsumable: truth,
  maxMemoryPerCoreMb: orNull(integer(0)),
  maxCpusPerToldCpu: orNull(integer(1, maxCores)),
  jobsArePinned: truth,
  totalCores: integer(1, maxCores),
  gpusAreToldInPart: optional(truth),
};

export const budgetFields = {
  budget: resources,
  seenHookSequence: integer(0),
  knownJobs: list(job, maxJobs),
  isUnderExclusive: optional(truth),
  facts: optional(object<SiteFacts>(factsFields)),
};

const report = object<AttemptReport>({
  ...attemptKeyFields,
  end: oneOf(...attemptEnds),
  exitCode: orNull(integer(0, 255)),
  signal: orNull(signalNumber),
  wallMs: milliseconds,
  paceUs: optional(integer(0)),
  shareMs: optional(milliseconds),
  cpuMs: milliseconds,
  maxRssMb: integer(0),
  reason: orNull(reason),
  isInterrupted: optional(truth),
  startFailure: optional(
    object<StartFailure>({ stage: oneOf<StartStage>(...startStages), errno: integer(0, maxErrno) }),
  ),
  answer: optional(answer),
  log: optional(bytes(maxLogBytes)),
  phases: optional(phases),
  lease: optional(leaseUsage),
  agoMs: milliseconds,
});

const command: Check<AttemptOrder["command"]> = tagged<AttemptOrder["command"]>("kind", {
  script: object({ kind: type("script"), body: word, args: list(word, maxWords) }),
  argv: object({ kind: type("argv"), argv: list(word, maxWords) }),
  attached: attachedCommand,
  call: callCommand,
});

const orderFields = {
  ...attemptKeyFields,
  uid: integer(0, maxId),
  gid: integer(0, maxId),
  user: text(256),
  cores: integer(1, maxCores),
  memoryMb: integer(1),
  gpus: integer(0, maxGpus),
  gres,
  timeLimitMs: integer(1, maxTimerMs),
  workingDirectory: path,
  stdoutPath: text(maxPathLength),
  stderrPath: text(maxPathLength),
  ...shellFields,
  environment: record(word, maxWords),
  notice: orNull(
    object<Notice>({ signal: signalNumber, leadMs: integer(0, maxTimerMs), mainOnly: truth }),
  ),
  checkpointDirectory: orNull(path),
  after: optional(attemptKey),
  beside: optional(attemptKey),
  voucher: optional(bytes(maxVoucherBytes)),
};
const order = object<AttemptOrder>({ ...orderFields, command });
const callOrder = object<CallAttemptOrder>({ ...orderFields, command: callCommand });
const { invocation } = attemptKeyFields;

const checkpoint = object<CheckpointOrder>({
  invocation,
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
      invocation: orNull(invocation),
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

export const percent = integer(0, 100);
const pressure = object<PressureReport>({
  job: orNull(job),
  resource: oneOf("cpu", "memory"),
  percent,
  limitPercent: percent,
  intervalMs: integer(1, maxTimerMs),
});
const executorMessage: Check<ExecutorMessage> = tagged<ExecutorMessage>("type", {
  ready: object({
    type: type("ready"),
    pid: integer(1),
    hostName: text(256),
    containment: oneOf("cgroup2", "cgroup1", "processGroup"),
    hookProblem: orNull(reason),
    budget: resources,
    answersFor: list(attemptKey, maxAttempts),
    markedJobs: list(job, maxJobs),
    hookSequence: integer(0),
    leaving: optional(reason),
    nodeIsFull: optional(truth),
    takesRuns: optional(truth),
  }),
  budget: object({ type: type("budget"), budget: resources }),
  started: object({ type: type("started"), key: attemptKey, agoMs: milliseconds }),
  ended: object({ type: type("ended"), report, voucher: optional(bytes(maxVoucherBytes)) }),
  jobBegan: object({
    type: type("jobBegan"),
    sequence: integer(1),
    job,
    cores: integer(0, maxCores),
    gpus: list(integer(0, maxGpus - 1), maxGpus),
    tookMs: milliseconds,
    evicted: list(attemptKey, maxAttempts),
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
    invocation,
    problem: orNull(reason),
  }),
  fetchBundle: object({ type: type("fetchBundle"), version }),
  ...pieceMessages,
  ...leaseMessages,
  logSoFar: object({ type: type("logSoFar"), key: attemptKey, bytes: bytes(maxLogBytes) }),
  warm: object({ type: type("warm"), workers: warmWorkers }),
  aheadEnded,
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
  departing: object({ type: type("departing"), reason, nodeIsFull: optional(truth) }),
  leaving: object({ type: type("leaving"), reason }),
});

const daemonMessage: Check<DaemonMessage> = tagged<DaemonMessage>("type", {
  budget: object({ type: type("budget"), ...budgetFields }),
  start: object({ type: type("start"), order }),
  startRun: object({ type: type("startRun"), order: callOrder, rest: runTasks }),
  cancel: object({ type: type("cancel"), key: attemptKey, isRequeue: optional(truth) }),
  limit: object({ type: type("limit"), key: attemptKey, timeLimitMs: integer(1, maxTimerMs) }),
  signal: object({
    type: type("signal"),
    key: attemptKey,
    signal: signalNumber,
    to: oneOf("steps", "script", "all"),
  }),
  recorded: object({ type: type("recorded"), key: attemptKey }),
  forgetJobs: object({ type: type("forgetJobs"), jobs: list(job, maxJobs) }),
  drain: object({ type: type("drain"), reason }),
  stop: object({ type: type("stop"), reason, graceMs: optional(integer(0, maxTimerMs)) }),
  foresee: object({
    type: type("foresee"),
    inMs: orNull(integer(0, maxTimerMs)),
    reason,
  }),
  removeCheckpoint: object({ type: type("removeCheckpoint"), order: checkpoint }),
  keepWarm: object({ type: type("keepWarm"), workers: warmWorkers }),
  startAhead: object({ type: type("startAhead"), order, isSpare: optional(truth) }),
  bundlePart: object({ type: type("bundlePart"), ...bundlePart }),
  bundleRefused: object({ type: type("bundleRefused"), version, reason, isLost: truth }),
  ...pieceMessages,
  fetchLog: object({ type: type("fetchLog"), key: attemptKey }),
  extendLease,
  beat: object({ type: type("beat") }),
});

/** Each throws a GleanerError with code PROTOCOL that names the field. */
export const checkExecutorMessage = (value: unknown): ExecutorMessage =>
  executorMessage(value, "message");
export const checkDaemonMessage = (value: unknown): DaemonMessage =>
  daemonMessage(value, "message");
