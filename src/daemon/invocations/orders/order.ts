// Builds the order for one attempt from what its user submitted.

import { callEnvironment, environmentFor } from "../../../core/submission/environment.js";
import { noticeWithin } from "../../../core/submission/time-limit.js";
import type { Payload } from "../../../model/call.js";
import { assert } from "../../../model/errors.js";
import type { LeaseTerms } from "../../../model/functions/lease.js";
import { type InvocationId, invocationId, type NodeName, versionId } from "../../../model/ids.js";
import type { Invocation, Submission } from "../../../model/invocation.js";
import { outputPath } from "../../../model/records/output-paths.js";
import { gresField } from "../../../model/slurm/gres-counts.js";
import { attemptName } from "../../../wire/attempt-key.js";
import type { CallCommand } from "../../../wire/calls.js";
import type { AttemptKey, AttemptOrder } from "../../../wire/messages.js";

export interface OrderDocuments {
  readonly submission: Submission;
  /** null for a command. */
  readonly input: Payload | null;
  /** Only for a call that is not on record. */
  readonly voucher?: Uint8Array | undefined;
  /** The attempt whose place it gets. */
  readonly after?: AttemptKey | undefined;
  /** The attempt for which the worker was opened that it shares. */
  readonly beside?: AttemptKey | undefined;
  /** The key of an attached command. */
  readonly runKey?: ((id: InvocationId) => Uint8Array) | undefined;
  /** Slurm's name of the cluster; null if unknown. */
  readonly clusterName?: string | null | undefined;
  /** If omitted, no lease can be ordered. */
  readonly leases?: LeaseOrders | undefined;
}

/** What gleanerd adds to the terms of a lease. */
export interface LeaseOrders {
  readonly ports: string;
  /** The provider of libfabric; null: the site uses none. */
  readonly ofiProvider: string | null;
  keyOf(worker: string): Uint8Array;
}

/** `learnedKeepMs`: how long its worker stays idle, unless its function says so; null: as usual. */
export function orderFor(
  invocation: Invocation,
  node: NodeName,
  documents: OrderDocuments,
  checkpointDirectory: string | null,
  learnedKeepMs: number | null = null,
): AttemptOrder {
  const { submission, input, voucher, after, beside, runKey, leases } = documents;
  const { clusterName = null } = documents;
  const { id, attempt, owner, cores, memoryMb, gpus, timeLimitMs } = invocation;
  const { workingDirectory, stdoutPattern, stderrPattern, command } = submission;
  const path = (pattern: string | null, of: Invocation = invocation) =>
    outputPath(pattern, of, node, workingDirectory);
  const stdoutPath = path(stdoutPattern);
  const common = {
    invocation: id,
    attempt,
    uid: owner.uid,
    gid: owner.gid,
    user: owner.user,
    cores,
    memoryMb,
    gpus,
    ...gresField(submission.where?.gres),
    timeLimitMs,
    workingDirectory,
    stdoutPath,
    stderrPath: stderrPattern === null ? stdoutPath : path(stderrPattern),
    notice: noticeWithin(submission.notice, timeLimitMs),
    checkpointDirectory,
    ...(voucher === undefined ? {} : { voucher }),
    ...(after === undefined ? {} : { after }),
    ...(beside === undefined ? {} : { beside }),
  };
  if (command.kind !== "call") {
    const environment = {
      ...environmentFor(invocation, submission, attempt, node, checkpointDirectory),
      ...(clusterName !== null && { SLURM_CLUSTER_NAME: clusterName }),
    };
    const shell = shellOf(invocation, submission, path);
    if (command.kind !== "attached") return { ...common, ...shell, environment, command };
    assert(runKey !== undefined, "gleanerd has keys for attached commands");
    const own = { tasks: submission.ntasks ?? 1, key: runKey(id) };
    return { ...common, ...shell, environment, command: { ...command, ...own } };
  }
  assert(input !== null, `call ${id} has an input`);
  const { kind, function: called, bundleBytes, isCheck = false } = command;
  const { runtime, handler, concurrency, fork, python, setup, image } = command.settings;
  const idleTimeoutMs = command.settings.idleTimeoutMs ?? learnedKeepMs;
  const settings = { runtime, handler, concurrency, fork, python, setup, image, idleTimeoutMs };
  const version = versionId(command.version);
  return {
    ...common,
    environment: callEnvironment(invocation, command, node),
    command: {
      ...{ kind, function: called, version, bundleBytes, settings, isCheck, input },
      ...leaseOf(command.lease, attemptName({ invocation: id, attempt }), leases),
    },
  };
}

type PathOf = (pattern: string | null, of?: Invocation) => string;

/** What a command gets as a batch job gets it: files, limits, space. */
function shellOf(invocation: Invocation, submission: Submission, path: PathOf) {
  const { stdinPattern, umask, limits, where } = submission;
  return {
    ...(stdinPattern !== undefined && { stdinPath: path(stdinPattern) }),
    ...openingOf(invocation, submission, path),
    ...(umask !== undefined && { umask }),
    ...(limits !== undefined && { limits }),
    ...(where?.temporaryMb !== undefined && { temporaryMb: where.temporaryMb }),
  };
}

function leaseOf(
  terms: LeaseTerms | undefined,
  worker: string,
  leases: LeaseOrders | undefined,
): Pick<CallCommand, "lease"> {
  if (terms === undefined) return {};
  assert(leases !== undefined, "a dispatcher of leases has their keys");
  const { ports, ofiProvider } = leases;
  const given = { ports, ...(ofiProvider !== null && { ofiProvider }) };
  return { lease: { ...terms, key: leases.keyOf(worker), ...given } };
}

/**
 * As sbatch does, unless tasks of one array have one output: those that begin later keep what the
 * others wrote.
 */
function openingOf(
  invocation: Invocation,
  { openMode, stdoutPattern, stderrPattern }: Submission,
  path: PathOf,
): Pick<AttemptOrder, "openMode" | "keepSinceMs"> {
  if (openMode !== undefined) return { openMode };
  const { id, arrayTaskId, submittedAtMs } = invocation;
  if (arrayTaskId === null) return {};
  const other = { ...invocation, id: invocationId(id + 1), arrayTaskId: arrayTaskId + 1 };
  const isShared = (pattern: string | null) => path(pattern, invocation) === path(pattern, other);
  return isShared(stdoutPattern) || (stderrPattern !== null && isShared(stderrPattern))
    ? { keepSinceMs: submittedAtMs }
    : {};
}
