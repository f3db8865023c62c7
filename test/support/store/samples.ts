// Samples to fill a store with: one request, its attempt and its end, with a posting that is right.

import { isCharged, postingsOf } from "../../../src/core/accounting/metering.js";
import type { AttemptResult, NewInvocations, Store } from "../../../src/core/ports/store.js";
import { executorId, type InvocationId, invocationId, nodeName } from "../../../src/model/ids.js";
import {
  type Attempt,
  type AttemptEnd,
  type Invocation,
  isBilled,
} from "../../../src/model/invocation.js";
import type { Rates } from "../../../src/model/records/account.js";

/** Prices of leases are the usual ones. */
export const sampleRates = {
  microCreditsPerCoreSecond: 278,
  microCreditsPerGbSecond: 28,
  leases: {
    executionMicroCreditsPerCoreSecond: null,
    heldMicroCreditsPerCoreSecond: null,
    hotMicroCreditsPerCoreSecond: null,
  },
};

export function sampleRequest(
  requestId: string,
  {
    user = "ada",
    uid = 1_000,
    tasks = null as readonly number[] | null,
    submittedAtMs = 1_000,
  } = {},
): NewInvocations {
  return {
    requestId,
    owner: { uid, gid: 100, user },
    submittedAtMs,
    submission: {
      name: "sum",
      command: { kind: "argv", argv: ["/bin/true", requestId] },
      cores: 2,
      memoryMb: 500,
      gpus: 0,
      timeLimitMs: 60_000,
      workingDirectory: "/home",
      stdoutPattern: null,
      stderrPattern: null,
      environment: { HOME: "/home" },
      arrayTasks: tasks,
    },
  };
}

/** Submits, and returns the invocations as they are recorded. */
export async function submitTo(
  store: Store,
  request: NewInvocations,
): Promise<readonly Invocation[]> {
  const { id, tasks } = await store.submit(request);
  const ids = Array.from({ length: tasks }, (_, at) => invocationId(id + at));
  return store.listInvocations({ ids, limit: tasks });
}

export function sampleAttempt(invocation: InvocationId, number = 1, startedAtMs = 2_000): Attempt {
  return {
    invocation,
    number,
    executor: executorId("e1"),
    node: nodeName("n1"),
    cores: 2,
    memoryMb: 500,
    gpus: 0,
    state: "RUNNING",
    startedAtMs,
    startedMonotonicMs: 2_000,
    phases: null,
    sharesWith: null,
    shareMs: null,
    endedAtMs: null,
    wallMs: null,
    reason: null,
  };
}

export function sampleResult(
  invocation: InvocationId,
  attempt = 1,
  end: AttemptEnd = "COMPLETED",
  {
    uid = 1_000,
    user = "ada",
    wallMs = 1_500,
    endedAtMs = 4_000,
    cpuMs = 1_500,
    shareMs = null as number | null,
    hotMs = null as number | null,
    rates = sampleRates as Rates,
  } = {},
): AttemptResult {
  const measured = { cores: 2, memoryMb: 500, wallMs, shareMs, cpuMs, hotMs };
  return {
    invocation,
    attempt,
    end,
    exitCode: end === "COMPLETED" ? 0 : null,
    signal: null,
    wallMs,
    shareMs,
    cpuMs,
    hotMs,
    spinMs: hotMs,
    maxRssMb: 12,
    reason: isBilled(end) ? null : `the attempt was ${end}`,
    endedAtMs,
    next: end === "EVICTED" || end === "LOST" ? "PENDING" : end,
    postings: isCharged(end, measured)
      ? postingsOf({ invocation, attempt, uid, user }, measured, rates, endedAtMs)
      : [],
    answer: null,
    log: null,
    phases: null,
  };
}
