// One ready executor as placement sees it: what it has room for, for how long, and for whom.

import type { HoleKind } from "../../model/capacity/prediction.js";
import type { ExecutorId, NodeName } from "../../model/ids.js";

/** A ready executor as placement sees it. */
export interface Slot {
  readonly executor: ExecutorId;
  readonly budgetCores: number;
  readonly budgetMemoryMb: number;
  readonly freeCores: number;
  readonly freeMemoryMb: number;
  /** Left out: it has none. */
  readonly budgetGpus?: number;
  readonly freeGpus?: number;
  /**
   * When something is planned on its node, or the executor's own time is over; null: nothing is.
   */
  readonly endsAtMs: number | null;
  /** How sure that is; left out: as sure as a plan usually is. */
  readonly endConfidence?: number;
  /** What its hole is; left out: a whole node, just opened. */
  readonly kind?: HoleKind;
  readonly openedAtMs?: number;
  /** How many times as fast as usual holes close on its node; left out: as usual. */
  readonly hazardRatio?: number;
  /** Left out: nobody avoids it. */
  readonly node?: NodeName;
  /** When the executor's own time is over for certain; left out or null: its time has no limit. */
  readonly closesAtMs?: number | null;
}

export interface OpenSlot {
  readonly slot: Slot;
  freeCores: number;
  freeMemoryMb: number;
  freeGpus: number;
  /** No work is begun here that is expected to take longer. */
  readonly leftMs: number;
}

/** What is asked for. */
export interface Need {
  readonly cores: number;
  readonly memoryMb: number;
  /** Left out: none. */
  readonly gpus?: number;
  /** Nodes where it is not to be placed; left out: none. */
  readonly avoid?: readonly NodeName[];
}

/** `nowMs`: when what is begun now would have to have ended at once. */
export const openSlot = (slot: Slot, nowMs: number): OpenSlot => ({
  slot,
  freeCores: slot.freeCores,
  freeMemoryMb: slot.freeMemoryMb,
  freeGpus: slot.freeGpus ?? 0,
  leftMs: slot.closesAtMs == null ? Number.POSITIVE_INFINITY : slot.closesAtMs - nowMs,
});

/** Whether work of this length may be begun there, by all but its cores. */
export const hasPlaceFor = (
  { slot: { node }, freeMemoryMb, freeGpus, leftMs }: OpenSlot,
  { memoryMb, gpus = 0, avoid = [] }: Need,
  aheadMs: number,
): boolean =>
  freeMemoryMb >= memoryMb &&
  freeGpus >= gpus &&
  leftMs >= aheadMs &&
  (node === undefined || !avoid.includes(node));

/** Whether it fits there when nothing else does. */
export const isLargeEnough = (slot: Slot, { cores, memoryMb, gpus = 0 }: Need): boolean =>
  slot.budgetCores >= cores && slot.budgetMemoryMb >= memoryMb && (slot.budgetGpus ?? 0) >= gpus;
