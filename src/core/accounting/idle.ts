// Splits a node's idle cores at one moment into the parts of the idle report, which add up to them
// exactly.

import type { UnusableReason } from "../../model/capacity/hole.js";
import {
  type IdlePart,
  idleParts,
  type NodeCondition,
  type WaitSpan,
} from "../../model/records/idle.js";

/** The part to which cores without an executor belong, by the node's condition. */
const partByCondition = {
  // The last plan left nothing to hold: the cores have become free since, and no read has shown
  // them yet.
  ready: "unseen",
  full: "unseen",
  completing: "completing",
  vacated: "vacated",
  starting: "starting",
  state: "state",
  unknownState: "unknownState",
  owner: "owner",
  memory: "memory",
  pinned: "pinned",
  interference: "interference",
  partition: "partition",
  noHook: "noHook",
  noPreemption: "noHook",
  drained: "drained",
  stale: "stale",
  tooShort: "tooShort",
  launchFailing: "launchFailing",
  sick: "launchFailing",
  noMemoryLeft: "memory",
} as const satisfies Record<NodeCondition, IdlePart>;

const codes = new Map(Object.keys(partByCondition).map((name, index) => [name, index + 1]));
const partByCode: readonly IdlePart[] = ["unrecorded", ...Object.values(partByCondition)];

/**
 * A condition as a number, so that it can be summed like cores: a node has only one at a time. 0
 * means an unknown condition.
 */
export const codeOf = (condition: string): number => codes.get(condition) ?? 0;

/** The part to which cores without an executor belong while the node is in this condition. */
export const partOf = (condition: NodeCondition): IdlePart => partByCondition[condition];

/** The state of one node at one moment. */
export interface IdleMoment {
  /** Cores that no job holds. */
  readonly idle: number;
  /** The part of `idle` that ready executors hold. */
  readonly covered: number;
  /**
   * Cores of work that finished, was evicted, was lost with its executor, or still ran at the time
   * of the query.
   */
  readonly useful: number;
  readonly evicted: number;
  readonly lost: number;
  readonly running: number;
  /** codeOf the node's condition; 0 if none was recorded. */
  readonly condition: number;
}

export type IdleSum = Record<IdlePart, number>;

export const noIdle = (): IdleSum =>
  Object.fromEntries(idleParts.map((part) => [part, 0])) as IdleSum;

/**
 * Adds a period of `ms` in which the moment held and of which work waited for `waitedMs`; the parts
 * always add up to `idle` × `ms`.
 */
export function addIdle(sum: IdleSum, moment: IdleMoment, ms: number, waitedMs: number): void {
  let left = moment.covered;
  const take = (part: IdlePart, cores: number): void => {
    const taken = Math.min(left, cores);
    sum[part] += taken * ms;
    left -= taken;
  };
  take("useful", moment.useful);
  take("running", moment.running);
  take("evicted", moment.evicted);
  take("lost", moment.lost);
  sum.unplaced += left * waitedMs;
  sum.noDemand += left * (ms - waitedMs);
  sum[partByCode[moment.condition] ?? "unrecorded"] += (moment.idle - moment.covered) * ms;
}

export function addIdleSums(sum: IdleSum, more: IdleSum): void {
  for (const part of idleParts) sum[part] += more[part];
}

/** Leaves out the parts that are 0: with thousands of nodes, each has only a few. */
export function withoutZeros(sum: IdleSum): Partial<IdleSum> {
  return Object.fromEntries(idleParts.filter((part) => sum[part] > 0).map((p) => [p, sum[p]]));
}

/**
 * The periods in which work waited, for sums over any interval in O(log n), because both may be
 * many.
 */
export class Waits {
  /** Disjoint and ascending: begin and end of each period, and the waiting time before it. */
  private readonly begins: number[] = [];
  private readonly ends: number[] = [];
  private readonly before: number[] = [];

  constructor(spans: readonly WaitSpan[]) {
    let total = 0;
    for (const { fromMs, toMs } of [...spans].sort((one, other) => one.fromMs - other.fromMs)) {
      const last = this.ends.length - 1;
      const beginMs = Math.max(fromMs, this.ends[last] ?? fromMs);
      if (toMs <= beginMs) continue;
      if (beginMs === this.ends[last]) this.ends[last] = toMs;
      else {
        this.begins.push(beginMs);
        this.ends.push(toMs);
        this.before.push(total);
      }
      total += toMs - beginMs;
    }
  }

  /** For how much of [fromMs, toMs) work waited. */
  waitedMs(fromMs: number, toMs: number): number {
    return this.until(toMs) - this.until(fromMs);
  }

  private until(atMs: number): number {
    let [low, high] = [0, this.begins.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.begins[middle]! < atMs) low = middle + 1;
      else high = middle;
    }
    const last = low - 1;
    if (last < 0) return 0;
    return this.before[last]! + Math.min(atMs, this.ends[last]!) - this.begins[last]!;
  }
}

/**
 * A node's condition, from the last plan's reason (null if it has a hole) and whether an executor
 * takes work there.
 */
export function conditionOf(
  reason: UnusableReason | null,
  takesWork: boolean,
  vacateMs: number,
): NodeCondition {
  if (reason === null) return takesWork ? "ready" : "starting";
  if (reason.kind === "state" && reason.flag === "COMPLETING") return "completing";
  if (reason.kind === "tooShort" && reason.endsInMs <= vacateMs) return "vacated";
  return reason.kind;
}
