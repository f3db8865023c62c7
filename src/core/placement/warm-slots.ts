// The executors that have idle workers, or free seats in busy ones, by the kind of worker.

import type { ExecutorId } from "../../model/ids.js";
import type { Bucket, Found } from "./bucket.js";
import { hasPlaceFor, type Need, type OpenSlot } from "./slot.js";

interface Warm {
  readonly bucket: Bucket;
  readonly open: OpenSlot;
  left: number;
}

export class WarmSlots {
  private readonly idle = new Map<string, Warm[]>();
  private readonly seats = new Map<string, Warm[]>();
  /** How many seats are free. */
  freeSeats = 0;

  add(bucket: Bucket, open: OpenSlot): void {
    for (const [key, left] of open.slot.warm ?? []) put(this.idle, key, { bucket, open, left });
    for (const [key, left] of open.slot.seats ?? []) this.addSeats(key, bucket, open, left);
  }

  /** A worker of this kind starts there, which that many more calls may share. */
  addSeats(key: string, bucket: Bucket, open: OpenSlot, left: number): void {
    put(this.seats, key, { bucket, open, left });
    this.freeSeats += left;
  }

  /**
   * The place where work of this length is most likely to survive; null where none is free, or all
   * holes are expected to close before.
   */
  find(key: string, need: Need, aheadMs: number, except: ExecutorId | null): Found | null {
    const fits = (open: OpenSlot) =>
      open.freeCores >= need.cores && hasPlaceFor(open, need, aheadMs);
    return bestOf(this.idle.get(key) ?? [], fits, aheadMs, except);
  }

  /** The same for a seat, which needs nothing that is free. */
  findSeat(key: string, need: Need, aheadMs: number, except: ExecutorId | null): Found | null {
    const nothing = { ...need, cores: 0, memoryMb: 0, gpus: 0 };
    const fits = (open: OpenSlot) => hasPlaceFor(open, nothing, aheadMs);
    const found = bestOf(this.seats.get(key) ?? [], fits, aheadMs, except);
    return found === null ? null : { ...found, isSeat: true };
  }

  /** A call takes one of the workers there, if any is left. */
  take(key: string, open: OpenSlot): void {
    const warm = this.idle.get(key)?.find((each) => each.open === open);
    if (warm !== undefined && warm.left > 0) warm.left--;
  }

  takeSeat(key: string, open: OpenSlot): void {
    const there = this.seats.get(key)?.find((each) => each.open === open && each.left > 0);
    if (there === undefined) return;
    there.left--;
    this.freeSeats--;
  }
}

function put(all: Map<string, Warm[]>, key: string, warm: Warm): void {
  const there = all.get(key);
  if (there === undefined) all.set(key, [warm]);
  else there.push(warm);
}

function bestOf(
  all: readonly Warm[],
  fits: (open: OpenSlot) => boolean,
  aheadMs: number,
  except: ExecutorId | null,
): Found | null {
  let best: Warm | null = null;
  for (const each of all) {
    const { bucket, open, left } = each;
    if (left === 0 || !fits(open) || open.slot.executor === except || bucket.endsBefore(aheadMs))
      continue;
    if (best === null || bucket.chance(aheadMs) > best.bucket.chance(aheadMs)) best = each;
  }
  return best === null ? null : best.bucket.place(best.open);
}
