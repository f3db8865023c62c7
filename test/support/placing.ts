// Work that waits and the slots of executors, made up for tests of placement.

import type { PlacementPolicy, Slot } from "../../src/core/placement/placement.js";
import { type Waiting, WaitingQueue } from "../../src/core/placement/queue.js";
import { executorId, invocationId } from "../../src/model/ids.js";

export const placementPolicy: PlacementPolicy = { starvingAfterMs: 10_000, maxAssignments: 50 };
export const nowMs = 100_000;

/** Came just now, and needs little. */
export const waiting = (id: number, change: Partial<Waiting> = {}): Waiting => ({
  id: invocationId(id),
  user: "ann",
  cores: 1,
  memoryMb: 100,
  gpus: 0,
  timeLimitMs: 1_000,
  submittedAtMs: nowMs - 1,
  ...change,
});

/** All of it is free, for as long as anybody knows. */
export const slot = (name: string, cores: number, change: Partial<Slot> = {}): Slot => ({
  executor: executorId(name),
  budgetCores: cores,
  budgetMemoryMb: cores * 1_000,
  freeCores: cores,
  freeMemoryMb: cores * 1_000,
  endsAtMs: null,
  ...change,
});

export function queueOf(all: readonly Waiting[]): WaitingQueue {
  const queue = new WaitingQueue();
  for (const each of all) queue.add(each);
  return queue;
}
