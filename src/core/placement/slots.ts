// Groups the free capacity of all ready executors by the outlook of their holes, so that a round
// reads groups instead of every executor.

import type { ExecutorId } from "../../model/ids.js";
import { holdsProbability, type Outlook } from "../forecast/lifetime.js";
import type { Survival } from "../forecast/survival.js";
import { type OutlookPolicy, outlookKey, outlookOf } from "./outlook-key.js";
import {
  hasPlaceFor,
  isLargeEnough,
  type Need,
  type OpenSlot,
  openSlot,
  type Slot,
} from "./slot.js";

/** Free capacity that fits, and where it is stored. */
export interface Found {
  readonly bucket: Bucket;
  readonly open: OpenSlot;
  readonly index: number;
}

/** Ranks buckets for work of one length: higher value first, then the shorter expected life. */
export interface Rank {
  readonly bucket: Bucket;
  readonly worth: number;
  readonly lifeMs: number;
}

/**
 * Chances this close count as equal: then the shorter hole is taken, and the longer one is left for
 * longer work.
 */
const equalChance = 0.01;

/** Slots with about the same outlook. */
export class Bucket {
  /** Indexed by free cores. */
  private readonly byFree: OpenSlot[][] = [];
  private readonly all: OpenSlot[] = [];
  private readonly chances = new Map<number, number>();
  /** The time after which such a hole is more likely closed than open. */
  readonly lifeMs: number;

  constructor(
    private readonly outlook: Outlook,
    private readonly survival: Survival | undefined,
  ) {
    const halfMs =
      survival?.quantileAheadMs(outlook.kind, outlook.ageMs, 0.5, outlook.hazardRatio) ??
      Number.POSITIVE_INFINITY;
    this.lifeMs = Math.min(halfMs, outlook.plannedInMs ?? Number.POSITIVE_INFINITY);
  }

  add(open: OpenSlot): void {
    this.all.push(open);
    this.put(open);
  }

  /** Whether something is planned there before work of this length ends. */
  endsBefore(aheadMs: number): boolean {
    const { plannedInMs } = this.outlook;
    return plannedInMs !== null && plannedInMs < aheadMs;
  }

  /**
   * The probability that work of this length ends before the hole closes; of two holes that close
   * too early, the later one counts more.
   */
  chance(aheadMs: number): number {
    let chance = this.chances.get(aheadMs);
    if (chance === undefined) {
      chance = holdsProbability(this.outlook, aheadMs, this.survival);
      if (this.endsBefore(aheadMs)) chance *= this.outlook.plannedInMs! / aheadMs;
      this.chances.set(aheadMs, chance);
    }
    return chance;
  }

  /**
   * The value of the bucket for work of this length; any hole without a planned end in that time
   * ranks above all others.
   */
  rankFor(aheadMs: number): Rank {
    const worth = this.chance(aheadMs) + (this.endsBefore(aheadMs) ? 0 : 1);
    return this.survival === undefined
      ? { bucket: this, worth, lifeMs: 0 }
      : { bucket: this, worth: Math.round(worth / equalChance), lifeMs: this.lifeMs };
  }

  /** The tightest fit for work of this length that is not on `except`. */
  fit(need: Need, aheadMs: number, except: ExecutorId | null): Found | null {
    for (let free = need.cores; free < this.byFree.length; free++) {
      const places = this.byFree[free]!;
      for (let index = places.length - 1; index >= 0; index--) {
        const open = places[index]!;
        if (open.slot.executor !== except && hasPlaceFor(open, need, aheadMs))
          return { bucket: this, open, index };
      }
    }
    return null;
  }

  /** Returns false if nothing in this bucket fits. */
  hasFree({ cores }: Need): boolean {
    for (let free = cores; free < this.byFree.length; free++)
      if (this.byFree[free]!.length > 0) return true;
    return false;
  }

  /** Whether one of its executors would be large enough when empty. */
  couldFit(need: Need): boolean {
    return this.all.some(({ slot }) => isLargeEnough(slot, need));
  }

  take({ open, index }: Found, { cores, memoryMb, gpus }: Need): void {
    const places = this.byFree[open.freeCores]!;
    places[index] = places.at(-1)!;
    places.pop();
    open.freeCores -= cores;
    open.freeMemoryMb -= memoryMb;
    open.freeGpus -= gpus;
    this.put(open);
  }

  private put(open: OpenSlot): void {
    while (this.byFree.length <= open.freeCores) this.byFree.push([]);
    this.byFree[open.freeCores]!.push(open);
  }
}

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
      this.freeCores += open.freeCores;
    }
    this.buckets = [...buckets.values()];
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

  take(found: Found, need: Need): void {
    found.bucket.take(found, need);
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
   * Returns false if nothing fits, now or after more is taken. Ignores GPUs, which bestFor checks.
   */
  mayFit({ cores, memoryMb }: Need): boolean {
    return (this.mostMemoryMb[cores] ?? -1) >= memoryMb;
  }

  /** Whether it fits somewhere, before anything is taken. */
  fitsNow(need: Need): boolean {
    if (need.gpus === 0) return this.mayFit(need);
    return this.mayFit(need) && this.buckets.some((bucket) => bucket.fit(need, 0, null) !== null);
  }

  /** The chance in the best hole that is large enough, busy or not; 0 if there is none. */
  bestChance(need: Need, aheadMs: number): number {
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
