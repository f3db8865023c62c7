// The executors that have idle workers, by the kind of worker.

import type { ExecutorId } from "../../model/ids.js";
import type { Bucket, Found } from "./bucket.js";
import { hasPlaceFor, type Need, type OpenSlot } from "./slot.js";

interface Warm {
  readonly bucket: Bucket;
  readonly open: OpenSlot;
  left: number;
}

export class WarmSlots {
  private readonly byKey = new Map<string, Warm[]>();

  add(bucket: Bucket, open: OpenSlot): void {
    for (const [key, left] of open.slot.warm ?? []) {
      const there = this.byKey.get(key) ?? [];
      there.push({ bucket, open, left });
      this.byKey.set(key, there);
    }
  }

  /**
   * The place where work of this length is most likely to survive; null where none is free, or all
   * holes are expected to close before.
   */
  find(key: string, need: Need, aheadMs: number, except: ExecutorId | null): Found | null {
    let best: Warm | null = null;
    for (const each of this.byKey.get(key) ?? []) {
      const { bucket, open, left } = each;
      const fits = open.freeCores >= need.cores && hasPlaceFor(open, need, aheadMs);
      if (left === 0 || !fits || open.slot.executor === except || bucket.endsBefore(aheadMs))
        continue;
      if (best === null || bucket.chance(aheadMs) > best.bucket.chance(aheadMs)) best = each;
    }
    return best === null ? null : best.bucket.place(best.open);
  }

  /** A call takes one of the workers there, if any is left. */
  take(key: string, open: OpenSlot): void {
    const warm = this.byKey.get(key)?.find((each) => each.open === open);
    if (warm !== undefined && warm.left > 0) warm.left--;
  }
}
