// The idle workers of one executor: as it said last, less those that took a call since; and those
// that it was told to start ahead.

import { nowMs } from "../../clock.js";
import { type WorkerKind, workerKey } from "../../model/call.js";
import type { InvocationId, VersionId } from "../../model/ids.js";

export interface Ahead {
  readonly version: VersionId;
  readonly uid: number;
  readonly atMs: number;
  /** As many idle ones of its kind are there beside it: with one more, it is ready. */
  readonly others: number;
}

/** A start ahead that is over: the worker is ready, or will not be. */
export interface StartTaken {
  readonly uid: number;
  readonly tookMs: number;
}

export class IdleWorkers {
  /** By their kind (workerKey). */
  private said: ReadonlyMap<string, number> = new Map();
  /** The calls that were ordered since, which may have taken one. */
  private readonly taken = new Map<InvocationId, string>();
  /** Those that have not been said to be idle since. */
  private readonly ahead = new Map<string, Ahead>();
  /** When those were started that have become ready since, and that no call has taken yet. */
  private readonly readyAhead = new Map<string, number>();
  private lastStart: StartTaken | null = null;

  says(workers: readonly (WorkerKind & { readonly count: number })[]): void {
    this.said = new Map(workers.map((each) => [workerKey(each), each.count]));
    this.taken.clear();
    for (const key of this.readyAhead.keys()) if (!this.said.has(key)) this.readyAhead.delete(key);
    for (const [key, ahead] of this.ahead) {
      const count = this.saidOf(key);
      if (count > ahead.others) {
        this.readyAhead.set(key, ahead.atMs);
        this.startEnded(key);
      } else this.ahead.set(key, { ...ahead, others: count });
    }
  }

  /** The call gets an idle worker, or else the one that starts. */
  take(call: InvocationId, key: string): void {
    if ((this.left.get(key) ?? 0) === 0) this.ahead.delete(key);
    if (this.said.has(key)) this.taken.set(call, key);
    this.readyAhead.delete(key);
  }

  /** The call has ended: executors say nothing of a worker that is soon idle again. */
  giveBack(call: InvocationId): void {
    this.taken.delete(call);
  }

  saidOf(key: string): number {
    return this.said.get(key) ?? 0;
  }

  get left(): ReadonlyMap<string, number> {
    if (this.taken.size === 0) return this.said;
    const left = new Map(this.said);
    for (const key of this.taken.values()) left.set(key, Math.max(0, left.get(key)! - 1));
    return left;
  }

  /** It was told to start one of this kind before it is called. */
  startAhead(key: string, version: VersionId, uid: number, atMs: number): void {
    this.ahead.set(key, { version, uid, atMs, others: this.left.get(key) ?? 0 });
  }

  /** The one that was started ahead and that no call has taken; null if there is none. */
  aheadOf(key: string): { readonly sinceMs: number; readonly isReady: boolean } | null {
    const starting = this.ahead.get(key);
    if (starting !== undefined) return { sinceMs: starting.atMs, isReady: false };
    const sinceMs = this.readyAhead.get(key);
    return sinceMs === undefined ? null : { sinceMs, isReady: true };
  }

  /** The last start ahead that is over, once. */
  takeStart(): StartTaken | null {
    const { lastStart } = this;
    this.lastStart = null;
    return lastStart;
  }

  /** Those that have not become ready yet, by kind. */
  get startingAhead(): ReadonlyMap<string, Ahead> {
    return this.ahead;
  }

  startsAhead(version: VersionId): boolean {
    return [...this.ahead.values()].some((each) => each.version === version);
  }

  /** Its executor has said so; false if nobody knows of one. */
  aheadEnded(key: string): boolean {
    return this.startEnded(key);
  }

  /** Those that were not idle since this time: nothing is expected of them any more. */
  giveUp(sinceMs: number): string[] {
    const late = [...this.ahead].filter(([, { atMs }]) => atMs <= sinceMs).map(([key]) => key);
    for (const key of late) this.ahead.delete(key);
    return late;
  }

  private startEnded(key: string): boolean {
    const ahead = this.ahead.get(key);
    if (ahead !== undefined) this.lastStart = { uid: ahead.uid, tookMs: nowMs() - ahead.atMs };
    return this.ahead.delete(key);
  }
}
