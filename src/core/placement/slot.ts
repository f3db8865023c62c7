// One ready executor as placement sees it: its free resources, for how long they are free, and for
// which work.

import type { HoleKind } from "../../model/capacity/prediction.js";
import type { ExecutorId, NodeName } from "../../model/ids.js";
import type { PlaceRequest } from "../../model/resources.js";
import { type GresCounts, gresFit } from "../../model/slurm/gres-counts.js";

export interface Slot {
  readonly executor: ExecutorId;
  readonly budgetCores: number;
  readonly budgetMemoryMb: number;
  readonly freeCores: number;
  readonly freeMemoryMb: number;
  /** If omitted, none. */
  readonly budgetGpus?: number;
  readonly freeGpus?: number;
  readonly budgetGres?: GresCounts | undefined;
  readonly freeGres?: GresCounts | undefined;
  /**
   * When something is planned on its node or the executor's own time ends; null if neither is
   * known.
   */
  readonly endsAtMs: number | null;
  /** The confidence of that end; if omitted, that of a usual plan. */
  readonly endConfidence?: number;
  /** The kind of its hole; if omitted, a whole node that has just opened. */
  readonly kind?: HoleKind;
  readonly openedAtMs?: number;
  /** The rate at which holes on its node close, relative to the usual rate; if omitted, 1. */
  readonly hazardRatio?: number;
  /** If omitted, no work avoids it. */
  readonly node?: NodeName;
  /** Idle workers by their kind (workerKey); if omitted, none. */
  readonly warm?: ReadonlyMap<string, number>;
  /** Free seats in workers that calls share, by their kind; if omitted, none. */
  readonly seats?: ReadonlyMap<string, number>;
  /** When the executor's own time certainly ends; null, or if omitted, no limit. */
  readonly closesAtMs?: number | null;
}

export interface OpenSlot {
  readonly slot: Slot;
  freeCores: number;
  freeMemoryMb: number;
  freeGpus: number;
  freeGres: GresCounts | undefined;
  /** Work that is expected to take longer is not started here. */
  readonly leftMs: number;
}

/** The requested resources. */
export interface Need extends PlaceRequest {
  /** Nodes to avoid; if omitted, none. */
  readonly avoid?: readonly NodeName[];
  /** The only nodes that it may have; if omitted, all. */
  readonly only?: ReadonlySet<NodeName> | undefined;
}

/** `nowMs` is the time from which the remaining time counts. */
export const openSlot = (slot: Slot, nowMs: number): OpenSlot => ({
  slot,
  freeCores: slot.freeCores,
  freeMemoryMb: slot.freeMemoryMb,
  freeGpus: slot.freeGpus ?? 0,
  freeGres: slot.freeGres,
  leftMs: slot.closesAtMs == null ? Number.POSITIVE_INFINITY : slot.closesAtMs - nowMs,
});

/** Whether work of this length may start there, its cores aside. */
export const hasPlaceFor = (
  { slot: { node }, freeMemoryMb, freeGpus, freeGres, leftMs }: OpenSlot,
  { memoryMb, gpus, gres, avoid = [], only }: Need,
  aheadMs: number,
): boolean =>
  freeMemoryMb >= memoryMb &&
  freeGpus >= gpus &&
  (gres === undefined || gresFit(gres, freeGres)) &&
  leftMs >= aheadMs &&
  (node === undefined || (!avoid.includes(node) && (only === undefined || only.has(node))));

/** Whether it fits there when the executor is empty. */
export const isLargeEnough = (slot: Slot, { cores, memoryMb, gpus, gres, only }: Need): boolean =>
  slot.budgetCores >= cores &&
  slot.budgetMemoryMb >= memoryMb &&
  (slot.budgetGpus ?? 0) >= gpus &&
  gresFit(gres, slot.budgetGres) &&
  (only === undefined || slot.node === undefined || only.has(slot.node));
