// A worker of this node, as the pool keeps it.

import { monotonicMs, type Timer } from "../../clock.js";
import { type WorkerKind, workerKey } from "../../model/call.js";
import type { Resources } from "../../model/resources.js";
import type { CallAttemptOrder } from "../../wire/messages.js";
import type { TellWorkers } from "./work/announcements.js";
import type { Worker } from "./worker.js";
import type { WorkerEvents } from "./worker-parts.js";

/**
 * Makes a new worker with a group of its own; throws if the node cannot create one. `free` makes
 * room for it; one that begins with a spare has its room.
 */
export type OpenWorker = (
  order: CallAttemptOrder,
  kind: WorkerKind,
  free: () => Resources,
  events: WorkerEvents,
) => Worker;

export interface Kept {
  readonly worker: Worker;
  readonly kind: WorkerKind;
  readonly key: string;
  /** The attempt for which it was last taken while no call was in it: the others name it. */
  openedFor: string | null;
  /** Those that have a place in it. */
  calls: number;
  /** As it was told: the kernel takes a moment. */
  isFrozen: boolean;
  /** No call has wanted it yet, and it is not ready. */
  isAhead: boolean;
  /** Something else needs its room, or it was idle for long enough. */
  isStopped: boolean;
  idleSinceMs: number | null;
  timer: Timer | undefined;
  readonly gone: Promise<void>;
}

export const newKept = (
  worker: Worker,
  kind: WorkerKind,
  isAhead: boolean,
  gone: Promise<void>,
): Kept => ({
  ...{ worker, kind, key: workerKey(kind), gone },
  ...{ openedFor: null, calls: 0, isFrozen: false, isAhead, isStopped: false },
  ...{ idleSinceMs: null, timer: undefined },
});

export const kindOf = ({ uid, command, cores, memoryMb, gpus }: CallAttemptOrder): WorkerKind => ({
  uid,
  version: command.version,
  cores,
  memoryMb,
  gpus,
});

export const endedAhead = ({ kind, isStopped }: Kept): Parameters<TellWorkers>[0] => ({
  type: "aheadEnded",
  worker: kind,
  why: isStopped ? "gone" : "failed",
});

export const isIdle = ({ idleSinceMs, worker }: Kept): boolean =>
  idleSinceMs !== null && worker.isReady;

/** If a function names no time; most functions that come back do so within minutes. */
const keepMs = 600_000;

/** How much longer one may stay idle. */
export function idleLeftMs({ worker, idleSinceMs }: Kept): number {
  const waitedMs = monotonicMs() - idleSinceMs!;
  return Math.max(0, (worker.idleTimeoutMs ?? keepMs) - waitedMs);
}

/** Memory and GPUs. */
export function heldBy(
  idle: readonly Kept[],
  ahead: readonly Kept[],
): Pick<Resources, "memoryMb" | "gpus"> {
  const memoryMb = [...idle, ...ahead].reduce((sum, { kind }) => sum + kind.memoryMb, 0);
  return { memoryMb, gpus: idle.flatMap(({ worker }) => worker.opened.gpus) };
}

export const oldestFirst = (one: Kept, other: Kept): number =>
  one.idleSinceMs! - other.idleSinceMs!;
export const latestFirst = (one: Kept, other: Kept): number => -oldestFirst(one, other);
