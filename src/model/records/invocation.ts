// An invocation as one record: what its owner requested, and what its attempts have changed.

import { type Invocation, type Progress, type Requested, untouched } from "../invocation.js";

/**
 * Names each key: V8 makes an object of this size from two spread ones as a hash table, which takes
 * 100 times as long, more memory, and longer to write as JSON.
 */
export function invocationWith(requested: Requested, progress: Progress): Invocation {
  const invocation = {
    id: requested.id,
    arrayJobId: requested.arrayJobId,
    arrayTaskId: requested.arrayTaskId,
    owner: requested.owner,
    name: requested.name,
    cores: requested.cores,
    memoryMb: requested.memoryMb,
    gpus: requested.gpus,
    timeLimitMs: requested.timeLimitMs,
    submittedAtMs: requested.submittedAtMs,
    state: progress.state,
    startedAtMs: progress.startedAtMs,
    endedAtMs: progress.endedAtMs,
    attempt: progress.attempt,
    exitCode: progress.exitCode,
    signal: progress.signal,
    reason: progress.reason,
    node: progress.node,
    wallMs: progress.wallMs,
    cpuMs: progress.cpuMs,
    maxRssMb: progress.maxRssMb,
  };
  const { hotMs, shareMs } = progress;
  return hotMs === undefined && shareMs === undefined
    ? invocation
    : { ...invocation, hotMs, shareMs };
}

/** An invocation before its first attempt. */
export const newInvocation = (requested: Requested): Invocation =>
  invocationWith(requested, untouched);
