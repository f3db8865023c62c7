// Keeps an executor free for wide work that has waited for long, so that narrow work cannot starve
// it.

import type { ExecutorId, InvocationId, NodeName } from "../../model/ids.js";
import type { Waiting, WaitingQueue } from "./queue.js";
import { isLargeEnough, type Need, type OpenSlot } from "./slot.js";
import type { Slots } from "./slots.js";

interface Starving {
  readonly starvingAfterMs: number;
  /** The only nodes that this invocation may have; undefined, or if omitted, all. */
  readonly allowedTo?: (waiting: Waiting) => ReadonlySet<NodeName> | undefined;
}

/** The executor kept free for the longest-starving invocation, and that invocation. */
export interface Kept {
  readonly executor: ExecutorId;
  readonly waiting: InvocationId;
}

export function keptForStarving(
  queue: WaitingQueue,
  slots: Slots,
  nowMs: number,
  { starvingAfterMs, allowedTo }: Starving,
): Kept | null {
  let starving: (Need & { readonly id: InvocationId }) | null = null;
  for (const group of queue.groupsInOrder()) {
    const [head] = group;
    if (head === undefined || nowMs - head.submittedAtMs < starvingAfterMs) continue;
    const only = allowedTo?.(head);
    const { id, cores, memoryMb, gpus, where } = head;
    const need = { cores, memoryMb, gpus, gres: where?.gres, only };
    if (slots.fitsNow(need)) continue;
    if (starving === null || id < starving.id) starving = { id, ...need };
  }
  if (starving === null) return null;
  let best: OpenSlot | null = null;
  for (const open of slots.all) {
    if (!isLargeEnough(open.slot, starving)) continue;
    if (best === null || open.freeCores > best.freeCores) best = open;
  }
  return best === null ? null : { executor: best.slot.executor, waiting: starving.id };
}
