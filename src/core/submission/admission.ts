// Admits submissions: checks each one once, fills in the defaults, and lets the rest of the code
// trust it.

import { type ArrayTasks, hasDuplicates, taskCount } from "../../model/array-tasks.js";
import { counted } from "../../model/counted.js";
import { GleanerError } from "../../model/errors.js";
import { invocationId, nodeName } from "../../model/ids.js";
import {
  type Invocation,
  maxAttachedTasks,
  type RequestedSubmission,
  type Submission,
  unlimitedMs,
  wordsOf,
} from "../../model/invocation.js";
import { newInvocation } from "../../model/records/invocation.js";
import { outputPath } from "../../model/records/output-paths.js";
import type { ResourceRequest } from "../../model/resources.js";
import { digestOf } from "./digest.js";
import { entryCountOf, taskCountOf } from "./new-tasks.js";
import { type TermsPolicy, whyBadTerms } from "./terms.js";
import { noticeWithin, spanText } from "./time-limit.js";
import { mostOf } from "./user-share.js";

/** Linux's PATH_MAX without the terminating zero. */
const maxPathBytes = 4_095;
const mebibyte = 1024 * 1024;
/** Half of what Linux accepts for arguments and environment together. */
const maxArgumentBytes = 1024 * 1024;
/** Twenty times the size of a login shell's environment; executors accept at most 16,384. */
const maxVariables = 10_000;
/** The format that daemon/auth/tokens.ts produces. */
const longestCheckpointName = `.gleaner-checkpoint-4294967295-${"f".repeat(16)}`;
/** No site has longer user or node names. */
const longestName = 64;

export interface AdmissionPolicy extends TermsPolicy {
  readonly defaultMemoryPerCoreMb: number;
  readonly defaultTimeLimitMs: number;
  readonly maxTimeLimitMs: number;
  readonly maxArrayTasks: number;
  readonly maxPending: number;
  readonly maxPendingEntries: number;
  readonly maxDocumentsMb: number;
  readonly maxScriptBytes: number;
  readonly maxEnvironmentBytes: number;
  readonly allowRootFunctions: boolean;
  /** Whether a longer time limit is lowered to the longest possible; if omitted, it is refused. */
  readonly lowerTimeLimit?: boolean;
  /**
   * The only user whose functions can run, where gleanerd does not run as root; if omitted, all
   * users.
   */
  readonly onlyUser?: { readonly uid: number; readonly name: string };
}

/** The invocations already in the queue: of all users, and of the submitting user. */
export interface QueueLoad {
  readonly waiting: number;
  readonly ownWaiting: number;
  /** Entries of the queue: invocations, and runs of an array's tasks. */
  readonly entries: number;
  readonly ownEntries: number;
  readonly documentBytes: number;
  readonly ownDocumentBytes: number;
}

/** What a user submits, or a call that gleanerd has made of a function. */
export type AskedSubmission = Omit<RequestedSubmission, "command"> & Pick<Submission, "command">;

/**
 * Fills in the site's defaults and rejects, in one sentence each, submissions that can never run.
 * While Slurm has not been read, `largest` is null and sizes are not checked.
 */
export function admit(
  requested: AskedSubmission,
  uid: number,
  load: QueueLoad,
  largest: ResourceRequest | null,
  policy: AdmissionPolicy,
  nowMs = 0,
): Submission {
  const { memoryPerCoreMb, notice, ...rest } = requested;
  const perCoreMb = memoryPerCoreMb ?? policy.defaultMemoryPerCoreMb;
  const memoryMb = requested.memoryMb ?? requested.cores * perCoreMb;
  const askedMs = requested.timeLimitMs ?? policy.defaultTimeLimitMs;
  const mayLower = policy.lowerTimeLimit || askedMs >= unlimitedMs;
  const timeLimitMs = mayLower ? Math.min(askedMs, longestMs(policy)) : askedMs;
  const submission: Submission = {
    ...rest,
    ...(requested.memoryMb === null && {
      optionVariables: { ...rest.optionVariables, SLURM_MEM_PER_CPU: String(perCoreMb) },
    }),
    memoryMb,
    timeLimitMs,
    notice: noticeWithin(notice, timeLimitMs),
  };
  requireRunnable(uid, policy);
  const problem =
    whyTooLarge(submission, largest, policy) ??
    whyMalformed(submission, policy) ??
    whyBadTerms(submission, nowMs, policy);
  if (problem !== null) throw new GleanerError("BAD_REQUEST", problem);
  const full = whyFull(submission, load, policy);
  if (full !== null) throw new GleanerError("LIMIT_REACHED", full);
  return submission;
}

/** Throws NOT_ALLOWED if no function of this user could run here. */
export function requireRunnable(
  uid: number,
  { allowRootFunctions, onlyUser }: Pick<AdmissionPolicy, "allowRootFunctions" | "onlyUser">,
): void {
  if (uid === 0 && !allowRootFunctions)
    throw new GleanerError(
      "NOT_ALLOWED",
      "root may not submit functions here, because they would run as root beside batch jobs: submit as an ordinary user, or set access.allowRootFunctions",
    );
  if (onlyUser !== undefined && onlyUser.uid !== uid)
    throw new GleanerError(
      "NOT_ALLOWED",
      `this gleanerd runs as ${onlyUser.name} and cannot run other users' functions: submit as ${onlyUser.name}, or to a gleanerd that runs as root`,
    );
}

/** No user can fill the queue alone: at least as much as one user has stays free for others. */
function whyFull(
  submission: Submission,
  { waiting, ownWaiting, entries, ownEntries, documentBytes, ownDocumentBytes }: QueueLoad,
  { maxPending, maxPendingEntries, maxDocumentsMb }: AdmissionPolicy,
): string | null {
  const own = ownWaiting + taskCountOf(submission);
  const most = mostOf(maxPending, waiting - ownWaiting);
  if (own > most)
    return `you would have ${counted(own, "invocation")} in the queue, and the limit for one user is ${most} at present (functions.maxPending is ${maxPending}): wait until some have ended, or cancel some with glean cancel`;
  const owned = ownEntries + entryCountOf(submission);
  const mostEntries = mostOf(maxPendingEntries, entries - ownEntries);
  if (owned > mostEntries)
    return `your invocations would take ${counted(owned, "entry", "entries")} of the queue, and the limit for one user is ${mostEntries} at present (functions.maxPendingEntries is ${maxPendingEntries}): submit arrays with consecutive task numbers, which take one, or wait until some have ended`;
  const ownBytes = ownDocumentBytes + digestOf(0, submission).documentBytes;
  const mostBytes = mostOf(maxDocumentsMb * mebibyte, documentBytes - ownDocumentBytes);
  if (ownBytes > mostBytes)
    return `the scripts, environments and inputs of your invocations in the queue would take ${ownBytes} bytes, and the limit for one user is ${mostBytes} at present (functions.maxDocumentsMb is ${maxDocumentsMb}): submit arrays, submit with --export=NONE, put inputs into files, or wait until some have ended`;
  return null;
}

/** The longest time limit that is accepted. */
export const longestMs = ({
  maxTimeLimitMs,
  longestInPilotMs,
}: Pick<AdmissionPolicy, "maxTimeLimitMs" | "longestInPilotMs">): number =>
  Math.min(maxTimeLimitMs, longestInPilotMs ?? maxTimeLimitMs);

/** Why no node could ever run it, as a sentence; null if one could. */
export function whyTooLarge(
  submission: ResourceRequest & Pick<Submission, "timeLimitMs" | "ntasks">,
  largest: ResourceRequest | null,
  policy: Pick<AdmissionPolicy, "maxTimeLimitMs" | "longestInPilotMs">,
): string | null {
  if (submission.timeLimitMs > policy.maxTimeLimitMs)
    return `the time limit of ${spanText(submission.timeLimitMs)} exceeds the site's limit for functions of ${spanText(policy.maxTimeLimitMs)}: if it ends sooner, give -t ${spanText(policy.maxTimeLimitMs)}, else submit it as a batch job; a site can raise functions.maxTimeLimitMs, or shorten such limits with functions.lowerTimeLimit`;
  const { longestInPilotMs = null } = policy;
  if (longestInPilotMs !== null && submission.timeLimitMs > longestInPilotMs)
    return `the time limit of ${spanText(submission.timeLimitMs)} exceeds the ${spanText(longestInPilotMs)} that pilots here have for one function (three quarters of placement.pilot.timeLimitMs): if it ends sooner, give -t ${spanText(longestInPilotMs)}, else submit it as a batch job`;
  if (largest === null) return null;
  if (submission.cores > largest.cores) {
    const hasTasks = (submission.ntasks ?? 1) > 1;
    return `the request is for ${counted(submission.cores, "core")}, but the largest node has ${largest.cores}: ask for fewer with ${hasTasks ? "-n or -c" : "-c"}`;
  }
  if (submission.gpus > 0 && largest.gpus === 0)
    return `the request is for ${counted(submission.gpus, "GPU")}, but functions on this site get none: omit --gpus, or submit a batch job`;
  if (submission.gpus > largest.gpus)
    return `the request is for ${counted(submission.gpus, "GPU")}, but the largest node has ${largest.gpus}: ask for fewer with --gpus`;
  if (submission.memoryMb > largest.memoryMb)
    return `the request is for ${submission.memoryMb} MB, but the largest node can offer ${largest.memoryMb} MB: ask for less with --mem`;
  return null;
}

function whyMalformed(submission: Submission, policy: AdmissionPolicy): string | null {
  const { command, environment, arrayTasks } = submission;
  if (submission.cores < 1) return "a function needs at least 1 core: set -c to 1 or more";
  if (submission.memoryMb < 1) return "a function needs at least 1 MB: set --mem to 1M or more";
  if (submission.timeLimitMs < 1) return noTime;
  if (!submission.workingDirectory.startsWith("/"))
    return `the working directory ${submission.workingDirectory} is not absolute: set -D to a path that starts with /`;
  if (command.kind === "script") {
    if (!command.body.startsWith("#!"))
      return "the script does not start with #!: begin it with #! and the path of an interpreter, such as #!/bin/bash";
    if (Buffer.byteLength(command.body) > policy.maxScriptBytes)
      return `the script is larger than ${policy.maxScriptBytes} bytes: move its data to a file`;
  } else if (wordsOf(command).length === 0) return "the command is empty: name a program to run";
  if (command.kind === "attached" && arrayTasks !== null)
    return "an attached command has one client and cannot be an array: give -n for several tasks";
  if (command.kind === "attached" && (submission.ntasks ?? 1) > maxAttachedTasks)
    return `an attached command has at most ${maxAttachedTasks} tasks: give fewer with -n`;
  const environmentBytes = Object.entries(environment).reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value) + 2,
    0,
  );
  if (environmentBytes > policy.maxEnvironmentBytes)
    return `the environment is larger than ${policy.maxEnvironmentBytes} bytes: submit with --export=NONE or fewer variables`;
  if (Object.keys(environment).length > maxVariables)
    return `the environment has more than ${maxVariables} variables: submit with --export=NONE or fewer of them`;
  return whyBadTexts(submission) ?? whyBadArray(arrayTasks, policy.maxArrayTasks);
}

export const noTime = "the time limit must be above zero: set -t to 1 or more";

/** Names, paths, arguments and variables. */
export const whyBadTexts = (submission: Submission): string | null =>
  holdsNul(submission) ?? whyTooLong(submission);

/**
 * Rejects arguments and paths beyond the kernel's limits: no executor could run them, and some
 * could not even be sent.
 */
function whyTooLong(submission: Submission): string | null {
  const { command, workingDirectory } = submission;
  const wordBytes = wordsOf(command).reduce((sum, each) => sum + Buffer.byteLength(each) + 1, 0);
  if (wordBytes > maxArgumentBytes)
    return `the arguments exceed ${maxArgumentBytes} bytes: pass them in a file`;
  const sample = longestInvocation(submission.name);
  const node = nodeName("n".repeat(longestName));
  const paths = [
    workingDirectory,
    outputPath(submission.stdoutPattern, sample, node, workingDirectory),
    outputPath(submission.stderrPattern, sample, node, workingDirectory),
    ...(submission.stdinPattern === undefined
      ? []
      : [outputPath(submission.stdinPattern, sample, node, workingDirectory)]),
    ...(submission.checkpoint ? [`${workingDirectory}/${longestCheckpointName}`] : []),
  ];
  const long = paths.find((each) => Buffer.byteLength(each) > maxPathBytes);
  return long === undefined
    ? null
    : `the path ${long.slice(0, 60)}… could exceed ${maxPathBytes} bytes: choose a shorter one`;
}

/** An invocation whose every pattern value is as long as possible. */
function longestInvocation(name: string): Invocation {
  const longestId = invocationId(4_294_967_295);
  return newInvocation({
    id: longestId,
    arrayJobId: longestId,
    arrayTaskId: longestId,
    owner: { uid: 0, gid: 0, user: "u".repeat(longestName) },
    name,
    cores: 1,
    memoryMb: 1,
    gpus: 0,
    timeLimitMs: 1,
    submittedAtMs: 0,
  });
}

function holdsNul(submission: Submission): string | null {
  const { command, environment } = submission;
  const texts = [
    submission.name,
    submission.workingDirectory,
    submission.stdoutPattern ?? "",
    submission.stderrPattern ?? "",
    submission.stdinPattern ?? "",
    submission.submitDirectory ?? "",
    submission.scriptPath ?? "",
    ...Object.keys(environment),
    ...Object.values(environment),
    ...wordsOf(command),
  ];
  if (texts.some((text) => text.includes("\0")))
    return "a name, path, argument or variable contains a NUL byte: remove it";
  if (Object.keys(environment).some((key) => key === "" || key.includes("=")))
    return "an environment variable has an empty name or an equals sign in its name: remove it";
  return null;
}

function whyBadArray(tasks: ArrayTasks | null, maxArrayTasks: number): string | null {
  if (tasks === null) return null;
  const count = taskCount(tasks);
  if (count === 0) return "the array has no tasks: give -a at least one number";
  if (count > maxArrayTasks)
    return `the array has ${count} tasks, but the site's limit is ${maxArrayTasks} (functions.maxArrayTasks): split it`;
  if (hasDuplicates(tasks)) return "the array lists a task twice: list each task once";
  return null;
}
