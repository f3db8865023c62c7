// The executors whose holes have about the same outlook, by their free cores.

import type { ExecutorId } from "../../model/ids.js";
import { gresWithout } from "../../model/slurm/gres-counts.js";
import { holdsProbability, type Outlook } from "../forecast/lifetime.js";
import type { Survival } from "../forecast/survival.js";
import { hasPlaceFor, isLargeEnough, type Need, type OpenSlot } from "./slot.js";

/** Free capacity that fits, and where it is stored. */
export interface Found {
  readonly bucket: Bucket;
  readonly open: OpenSlot;
  readonly index: number;
  /** It is a seat in a worker that others are in: it takes nothing. */
  readonly isSeat?: boolean;
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

  /** Where an executor stands in this bucket now. */
  place(open: OpenSlot): Found {
    return { bucket: this, open, index: this.byFree[open.freeCores]!.indexOf(open) };
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

  take({ open, index }: Found, { cores, memoryMb, gpus, gres }: Need): void {
    const places = this.byFree[open.freeCores]!;
    places[index] = places.at(-1)!;
    places.pop();
    open.freeCores -= cores;
    open.freeMemoryMb -= memoryMb;
    open.freeGpus -= gpus;
    if (gres !== undefined) open.freeGres = gresWithout(open.freeGres, gres);
    this.put(open);
  }

  private put(open: OpenSlot): void {
    while (this.byFree.length <= open.freeCores) this.byFree.push([]);
    this.byFree[open.freeCores]!.push(open);
  }
}
