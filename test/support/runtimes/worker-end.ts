// One sentence about a worker that ended during a call, from its channel's failure and from its
// process' exit.

import { constants } from "node:os";
import type { WorkerFailure } from "../../../src/workers/worker-failure.js";

/** As the parent of the process sees it; `signal` is 0 if it exited. */
export interface ProcessEnd {
  readonly exitCode: number;
  readonly signal: number;
}

/**
 * One sentence. `exit` is null if the process still ran and was killed because of the failure,
 * which alone says why.
 */
export function describeWorkerEnd(failure: WorkerFailure, exit: ProcessEnd | null): string {
  if (failure.code !== "CLOSED" || exit === null)
    return isOfWorker(failure) ? `the worker was stopped: ${failure.message}` : failure.message;
  if (exit.signal !== 0) return `the worker was killed by ${signalName(exit.signal)}`;
  return exit.exitCode === 0
    ? "the worker's process exited without an answer"
    : `the worker's process exited with status ${exit.exitCode}`;
}

/** Whether the message has the worker as its subject, or is the worker's own. */
const isOfWorker = ({ code }: WorkerFailure): boolean =>
  code !== "LEFT" && code !== "STOPPED" && code !== "SINK" && code !== "INPUT";

function signalName(signal: number): string {
  const known = Object.entries(constants.signals).find(([, number]) => number === signal);
  return known?.[0] ?? `signal ${signal}`;
}
