// A waiting invocation as placement reads it, and what invocations have in common that placement
// treats alike.

import type { InvocationId } from "../../model/ids.js";
import type { Where } from "../../model/invocation.js";
import type { ResourceRequest } from "../../model/resources.js";
import { reachedBin } from "../forecast/run-times.js";

/** What placement needs to know about a waiting invocation. */
export interface Waiting extends ResourceRequest {
  readonly id: InvocationId;
  /** The user for fair share: the uid as text, or the user name in a trace. */
  readonly user: string;
  readonly timeLimitMs: number;
  readonly submittedAtMs: number;
  /** The key under which its run time is learned (functionKey); if omitted, nothing is learned. */
  readonly functionKey?: string;
  /**
   * The length of its longest attempt before an eviction: it takes longer than that. If omitted,
   * unknown.
   */
  readonly ranMs?: number;
  /** The kind of worker that it needs, if it is a call; null, or if omitted, it needs none. */
  readonly workerKey?: string | null;
  /** How many such calls may share a worker; if omitted, one. */
  readonly seats?: number;
  /** The nodes on which it may run, and what it holds there; if omitted, all and nothing. */
  readonly where?: Where | undefined;
  /** Whether its start failed on some nodes and it is to be tried on another; if omitted, no. */
  readonly isRetried?: boolean;
}

/**
 * Invocations with the same key belong to one user, need the same resources, and are expected to
 * run equally long.
 */
export const waitingKey = (waiting: Waiting): string =>
  `${waiting.cores}/${waiting.memoryMb}/${waiting.gpus}/${waiting.timeLimitMs}/${waiting.user}/${waiting.functionKey ?? ""}/${waiting.workerKey ?? ""}/${reachedBin(waiting.ranMs ?? 0)}${waiting.isRetried ? "/retried" : ""}${waiting.where === undefined ? "" : `/${JSON.stringify(waiting.where)}`}`;
