// Groups the free capacity of all ready executors by the outlook of their holes, so that a round
// reads groups instead of every executor.

import type { ExecutorId } from "../../model/ids.js";
import { Bucket, type Found, type Rank } from "./bucket.js";
import { type OutlookPolicy, outlookKey, outlookOf } from "./outlook-key.js";
import { type Need, type OpenSlot, openSlot, type Slot } from "./slot.js";
import { WarmSlots } from "./warm-slots.js";

export class Slots {
  private readonly ranks = new Map<number, readonly Rank[]>();
  readonly buckets: readonly Bucket[];
  readonly all: readonly OpenSlot[];
  /**
   * For each number of cores, the most free memory beside them: exact at first, an upper bound
   * later.
   */
  private readonly mostMemoryMb: number[];
  /** The number of cores still free. */
  freeCores = 0;
  private readonly warm = new WarmSlots();
  private readonly bestChances = new Map<string, number>();
  private sorted: readonly Bucket[] | null = null;

  constructor(slots: readonly Slot[], nowMs: number, policy: OutlookPolicy) {
    this.all = slots.map((slot) => openSlot(slot, nowMs + (policy.vacateMs ?? 0)));
    const buckets = new Map<number, Bucket>();
    for (const open of this.all) {
      const key = outlookKey(open.slot, nowMs, policy);
      let bucket = buckets.get(key);
      if (bucket === undefined) {
        bucket = new Bucket(outlookOf(key), policy.survival);
        buckets.set(key, bucket);
      }
      bucket.add(open);
      this.warm.add(bucket, open);
      this.freeCores += open.freeCores;
    }
    // So that slots without anything free do not decide which of two equal outlooks comes first.
    this.buckets = [...buckets].sort(([one], [other]) => one - other).map(([, bucket]) => bucket);
    this.mostMemoryMb = mostMemoryByCores(this.all);
  }

  /** The tightest fit in the best bucket, not on `except`; null if it fits nowhere. */
  bestFor(need: Need, aheadMs: number, except: ExecutorId | null): Found | null {
    let best: Found | null = null;
    let rank: Rank | null = null;
    for (const each of this.ranksFor(aheadMs)) {
      if (rank !== null && compareRanks(rank, each) !== 0) break;
      const found = each.bucket.fit(need, aheadMs, except);
      if (found === null) continue;
      rank = each;
      if (best === null || found.open.freeCores < best.open.freeCores) best = found;
    }
    return best;
  }

  /** A place with an idle worker of this kind, in a hole that is expected to last until its end. */
  withWorker(key: string, need: Need, aheadMs: number, except: ExecutorId | null): Found | null {
    return this.warm.find(key, need, aheadMs, except);
  }

  /** A fit in a hole that suits the work, in the one expected to close first. */
  suiting(
    need: Need,
    aheadMs: number,
    except: ExecutorId | null,
    isGood: (bucket: Bucket) => boolean,
  ): Found | null {
    for (const bucket of this.byLife) {
      const found =
        bucket.hasFree(need) && isGood(bucket) ? bucket.fit(need, aheadMs, except) : null;
      if (found !== null) return found;
    }
    return null;
  }

  /** A free seat in a worker of this kind, in such a hole. */
  withSeat(key: string, need: Need, aheadMs: number, except: ExecutorId | null): Found | null {
    return this.warm.findSeat(key, need, aheadMs, except);
  }

  /** Whether nothing is free, neither cores nor seats. */
  get areFull(): boolean {
    return this.freeCores === 0 && this.warm.freeSeats === 0;
  }

  /** `seats`: how many calls may share the worker of this one. */
  take(found: Found, need: Need, key: string | null = null, seats = 1): void {
    const { bucket, open, isSeat = false } = found;
    if (isSeat && key !== null) {
      this.warm.takeSeat(key, open);
      return;
    }
    if (key !== null) this.warm.take(key, open);
    if (key !== null && seats > 1) this.warm.addSeats(key, bucket, open, seats - 1);
    bucket.take(found, need);
    this.freeCores -= need.cores;
  }

  private get byLife(): readonly Bucket[] {
    this.sorted ??= [...this.buckets].sort((left, right) =>
      left.lifeMs === right.lifeMs ? 0 : left.lifeMs - right.lifeMs,
    );
    return this.sorted;
  }

  private ranksFor(aheadMs: number): readonly Rank[] {
    let ranks = this.ranks.get(aheadMs);
    if (ranks === undefined) {
      ranks = this.buckets.map((bucket) => bucket.rankFor(aheadMs)).sort(compareRanks);
      this.ranks.set(aheadMs, ranks);
    }
    return ranks;
  }

  /**
   * Returns false if nothing fits, now or after more is taken. Ignores GPUs and nodes, which
   * bestFor checks.
   */
  mayFit({ cores, memoryMb }: Need): boolean {
    return (this.mostMemoryMb[cores] ?? -1) >= memoryMb;
  }

  /** Whether it fits somewhere, before anything is taken. */
  fitsNow(need: Need): boolean {
    if (need.gpus === 0 && need.gres === undefined && need.only === undefined)
      return this.mayFit(need);
    return this.mayFit(need) && this.buckets.some((bucket) => bucket.fit(need, 0, null) !== null);
  }

  /** The chance in the best hole that is large enough, busy or not; 0 if there is none. */
  bestChance(need: Need, aheadMs: number): number {
    // Other nodes do not count, and such requests are few.
    if (need.only !== undefined)
      return (
        this.ranksFor(aheadMs)
          .find(({ bucket }) => bucket.couldFit(need))
          ?.bucket.chance(aheadMs) ?? 0
      );
    const key = `${need.cores}/${need.memoryMb}/${need.gpus}/${aheadMs}`;
    let best = this.bestChances.get(key);
    if (best === undefined) {
      const rank = this.ranksFor(aheadMs).find(({ bucket }) => bucket.couldFit(need));
      best = rank?.bucket.chance(aheadMs) ?? 0;
      this.bestChances.set(key, best);
    }
    return best;
  }
}

/** Expected lives may be infinite, and then are equal. */
const compareRanks = (left: Rank, right: Rank): number =>
  right.worth - left.worth || (left.lifeMs === right.lifeMs ? 0 : left.lifeMs - right.lifeMs);

function mostMemoryByCores(all: readonly OpenSlot[]): number[] {
  const most: number[] = [];
  for (const { freeCores, freeMemoryMb } of all) {
    while (most.length <= freeCores) most.push(-1);
    most[freeCores] = Math.max(most[freeCores]!, freeMemoryMb);
  }
  for (let cores = most.length - 2; cores >= 0; cores--)
    most[cores] = Math.max(most[cores]!, most[cores + 1]!);
  return most;
}
