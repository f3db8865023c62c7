// The door: a submission is checked once here, defaults filled in, and trusted afterwards.

import { GleanerError } from "../../model/errors.js";
import { invocationId, nodeName } from "../../model/ids.js";
import type { Invocation, RequestedSubmission, Submission } from "../../model/invocation.js";
import { digestOf } from "./digest.js";
import { outputPath } from "./output-paths.js";
import { mostOf } from "./user-share.js";

/** Linux's PATH_MAX, without its final zero. */
const maxPathBytes = 4_095;
const mebibyte = 1024 * 1024;
/** Half of what Linux takes for arguments and environment together. */
const maxArgumentBytes = 1024 * 1024;
/** Twenty times what a login shell has; executors take no more than 16,384. */
const maxVariables = 10_000;
/** As daemon/auth/tokens.ts makes them. */
const longestCheckpointName = `.gleaner-checkpoint-4294967295-${"f".repeat(16)}`;
/** As sbatch's --signal without a time. */
const defaultLeadMs = 60_000;
/** Names of users and nodes are no longer anywhere. */
const longestName = 64;

export interface AdmissionPolicy {
  readonly defaultMemoryPerCoreMb: number;
  readonly defaultTimeLimitMs: number;
  readonly maxTimeLimitMs: number;
  /** The most that a pilot has time for; left out or null: executors' time has no limit. */
  readonly longestInPilotMs?: number | null;
  readonly maxArrayTasks: number;
  readonly maxPending: number;
  readonly maxDocumentsMb: number;
  readonly maxScriptBytes: number;
  readonly maxEnvironmentBytes: number;
  readonly allowRootFunctions: boolean;
  /** The user whose functions alone can be run, where gleanerd does not run as root; left out: all users'. */
  readonly onlyUser?: { readonly uid: number; readonly name: string };
}

/** What is in the queue already: of all users, and of the one who submits. */
export interface QueueLoad {
  readonly waiting: number;
  readonly ownWaiting: number;
  readonly documentBytes: number;
  readonly ownDocumentBytes: number;
}

/** What the site could give at most: no request above it will ever start. */
export interface LargestNode {
  readonly cores: number;
  readonly memoryMb: number;
  readonly gpus: number;
}

/**
 * Fills in the site's defaults and refuses, in one sentence each, what can never run.
 * `largest` is null while Slurm was not read yet: then size is not judged.
 */
export function admit(
  requested: RequestedSubmission,
  uid: number,
  load: QueueLoad,
  largest: LargestNode | null,
  policy: AdmissionPolicy,
): Submission {
  const { memoryPerCoreMb, notice, ...rest } = requested;
  const memoryMb =
    requested.memoryMb ?? requested.cores * (memoryPerCoreMb ?? policy.defaultMemoryPerCoreMb);
  const timeLimitMs = requested.timeLimitMs ?? policy.defaultTimeLimitMs;
  const submission: Submission = {
    ...rest,
    memoryMb,
    timeLimitMs,
    notice: notice === null ? null : { ...notice, leadMs: leadOf(notice.leadMs, timeLimitMs) },
  };
  if (uid === 0 && !policy.allowRootFunctions)
    throw new GleanerError(
      "NOT_ALLOWED",
      "root may not submit functions here, since they would run as root beside batch jobs: submit as an ordinary user, or set access.allowRootFunctions",
    );
  const { onlyUser } = policy;
  if (onlyUser !== undefined && onlyUser.uid !== uid)
    throw new GleanerError(
      "NOT_ALLOWED",
      `this gleanerd runs as ${onlyUser.name}, who can run no functions of other users: submit as ${onlyUser.name}, or to a gleanerd that runs as root`,
    );
  const problem = whyTooLarge(submission, largest, policy) ?? whyMalformed(submission, policy);
  if (problem !== null) throw new GleanerError("BAD_REQUEST", problem);
  const full = whyFull(submission, load, policy);
  if (full !== null) throw new GleanerError("LIMIT_REACHED", full);
  return submission;
}

/** One user never fills the queue: whatever he has in it, as much stays free for others. */
function whyFull(
  submission: Submission,
  { waiting, ownWaiting, documentBytes, ownDocumentBytes }: QueueLoad,
  { maxPending, maxDocumentsMb }: AdmissionPolicy,
): string | null {
  const own = ownWaiting + (submission.arrayTasks?.length ?? 1);
  const most = mostOf(maxPending, waiting - ownWaiting);
  if (own > most)
    return `you would have ${own} invocations in the queue and a user may have ${most} now, as many as stay free for others (functions.maxPending is ${maxPending}): wait until some have ended, or cancel some with glean cancel`;
  const ownBytes = ownDocumentBytes + digestOf(0, submission).documentBytes;
  const mostBytes = mostOf(maxDocumentsMb * mebibyte, documentBytes - ownDocumentBytes);
  if (ownBytes > mostBytes)
    return `the scripts and environments of your invocations in the queue would take ${ownBytes} bytes and a user may have ${mostBytes} now (functions.maxDocumentsMb is ${maxDocumentsMb}): submit arrays, submit with --export=NONE, or wait until some have ended`;
  return null;
}

/** Without a lead of its own a notice comes when half of the time is still to come. */
const leadOf = (asked: number | null, timeLimitMs: number): number =>
  asked ?? Math.min(defaultLeadMs, Math.floor(timeLimitMs / 2));

function whyTooLarge(
  submission: Submission,
  largest: LargestNode | null,
  policy: AdmissionPolicy,
): string | null {
  if (submission.timeLimitMs > policy.maxTimeLimitMs)
    return `the time limit of ${submission.timeLimitMs} ms is above the site's ${policy.maxTimeLimitMs} ms (functions.maxTimeLimitMs): ask for less, or submit a batch job`;
  const { longestInPilotMs = null } = policy;
  if (longestInPilotMs !== null && submission.timeLimitMs > longestInPilotMs)
    return `the time limit of ${submission.timeLimitMs} ms is above the ${longestInPilotMs} ms that pilots here have for one function (three quarters of placement.pilot.timeLimitMs): ask for less with -t, or submit a batch job`;
  if (largest === null) return null;
  if (submission.cores > largest.cores)
    return `${submission.cores} cores were asked for and the largest node has ${largest.cores}: ask for fewer with -c`;
  if (submission.gpus > largest.gpus)
    return `${submission.gpus} GPUs were asked for and the largest node has ${largest.gpus}: ask for fewer with --gpus`;
  if (submission.memoryMb > largest.memoryMb)
    return `${submission.memoryMb} MB were asked for and the largest node can give ${largest.memoryMb} MB: ask for less with --mem`;
  return null;
}

function whyMalformed(submission: Submission, policy: AdmissionPolicy): string | null {
  const { command, environment, arrayTasks } = submission;
  if (submission.cores < 1) return "at least one core is needed: ask for -c 1 or more";
  if (submission.memoryMb < 1) return "at least 1 MB is needed: ask for --mem 1M or more";
  if (submission.timeLimitMs < 1) return "the time limit must be above zero: ask for -t 1 or more";
  if (submission.notice != null && submission.notice.leadMs >= submission.timeLimitMs)
    return `a notice ${submission.notice.leadMs} ms before a time limit of ${submission.timeLimitMs} ms would come before the start: ask for a shorter --signal or a longer -t`;
  if (!submission.workingDirectory.startsWith("/"))
    return `the working directory ${submission.workingDirectory} is not absolute: give -D a path that starts with /`;
  if (command.kind === "script") {
    if (!command.body.startsWith("#!"))
      return "the script does not start with #!: make its first line #! and the path of an interpreter, such as #!/bin/bash";
    if (Buffer.byteLength(command.body) > policy.maxScriptBytes)
      return `the script is larger than ${policy.maxScriptBytes} bytes: put its data into a file`;
  } else if (command.argv.length === 0) return "there is no command to run";
  const environmentBytes = Object.entries(environment).reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value) + 2,
    0,
  );
  if (environmentBytes > policy.maxEnvironmentBytes)
    return `the environment is larger than ${policy.maxEnvironmentBytes} bytes: submit with --export=NONE or fewer variables`;
  if (Object.keys(environment).length > maxVariables)
    return `the environment has more than ${maxVariables} variables: submit with --export=NONE or fewer of them`;
  return (
    holdsNul(submission) ?? whyTooLong(submission) ?? whyBadArray(arrayTasks, policy.maxArrayTasks)
  );
}

/** What no executor could run, or could not even be sent to one: words and paths beyond what the kernel takes. */
function whyTooLong(submission: Submission): string | null {
  const { command, workingDirectory } = submission;
  const words = command.kind === "argv" ? command.argv : command.args;
  const wordBytes = words.reduce((sum, each) => sum + Buffer.byteLength(each) + 1, 0);
  if (wordBytes > maxArgumentBytes)
    return `the arguments are longer than ${maxArgumentBytes} bytes: put them into a file`;
  const sample = longestInvocation(submission.name);
  const node = nodeName("n".repeat(longestName));
  const paths = [
    workingDirectory,
    outputPath(submission.stdoutPattern, sample, node, workingDirectory),
    outputPath(submission.stderrPattern, sample, node, workingDirectory),
    ...(submission.checkpoint ? [`${workingDirectory}/${longestCheckpointName}`] : []),
  ];
  const long = paths.find((each) => Buffer.byteLength(each) > maxPathBytes);
  return long === undefined
    ? null
    : `the path ${long.slice(0, 60)}… can become longer than ${maxPathBytes} bytes: choose a shorter one`;
}

/** One whose every value in a pattern is as long as it can be. */
function longestInvocation(name: string): Invocation {
  const longestId = invocationId(4_294_967_295);
  return {
    id: longestId,
    arrayJobId: longestId,
    arrayTaskId: longestId,
    owner: { uid: 0, gid: 0, user: "u".repeat(longestName) },
    name,
    cores: 1,
    memoryMb: 1,
    gpus: 0,
    timeLimitMs: 1,
    state: "PENDING",
    submittedAtMs: 0,
    startedAtMs: null,
    endedAtMs: null,
    attempt: 0,
    exitCode: null,
    signal: null,
    reason: null,
    node: null,
    wallMs: null,
  };
}

function holdsNul(submission: Submission): string | null {
  const { command, environment } = submission;
  const texts = [
    submission.name,
    submission.workingDirectory,
    submission.stdoutPattern ?? "",
    submission.stderrPattern ?? "",
    ...Object.keys(environment),
    ...Object.values(environment),
    ...(command.kind === "argv" ? command.argv : command.args),
  ];
  if (texts.some((text) => text.includes("\0")))
    return "a name, path, argument or variable holds a NUL byte: take it out";
  if (Object.keys(environment).some((key) => key === "" || key.includes("=")))
    return "a variable's name is empty or holds an equals sign: take it out of the environment";
  return null;
}

function whyBadArray(tasks: readonly number[] | null, maxArrayTasks: number): string | null {
  if (tasks === null) return null;
  if (tasks.length === 0) return "the array has no task: give -a at least one number";
  if (tasks.length > maxArrayTasks)
    return `the array has ${tasks.length} tasks and the site's limit is ${maxArrayTasks} (functions.maxArrayTasks): split it`;
  if (new Set(tasks).size !== tasks.length) return "the array names a task twice: name each once";
  return null;
}
