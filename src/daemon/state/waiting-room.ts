// The invocations that wait: for a place, for more than a place, or for their end to be written.

import { WaitingQueue } from "../../core/placement/queue.js";
import { type RunCounter, WaitingRuns } from "../../core/placement/waiting-runs.js";
import type { IdRange } from "../../core/ports/store.js";
import { assert } from "../../model/errors.js";
import type { InvocationId } from "../../model/ids.js";
import type { Live } from "./live-invocation.js";
import type { LiveRun } from "./live-run.js";

export class WaitingRoom implements RunCounter<LiveRun> {
  /** How many runs there are, by uid: what tells it without a walk over all of them. */
  private readonly runsOfUsers = new Map<number, number>();
  private runCount = 0;
  /** Those that wait for a place. */
  readonly queue = new WaitingQueue<LiveRun>(this);
  /** Those whose schedule does not let them start yet. */
  readonly deferred = new WaitingQueue<LiveRun>(this);
  /** Runs whose end is being written. */
  private readonly withdrawn = new WaitingRuns<LiveRun>(this);

  get size(): number {
    return this.queue.size + this.deferred.size;
  }

  /** Tasks that wait as runs, also those whose end is being written. */
  get inRuns(): number {
    return this.queue.runs.count + this.deferred.runs.count + this.withdrawn.count;
  }

  /** How many runs there are of all users, or of one. */
  countRuns(uid?: number): number {
    return uid === undefined ? this.runCount : (this.runsOfUsers.get(uid) ?? 0);
  }

  changed({ uid }: LiveRun, change: 1 | -1): void {
    this.runCount += change;
    const own = this.countRuns(uid) + change;
    if (own === 0) this.runsOfUsers.delete(uid);
    else this.runsOfUsers.set(uid, own);
  }

  has(id: InvocationId): boolean {
    return this.queue.has(id) || this.deferred.has(id);
  }

  runOf(id: InvocationId): LiveRun | undefined {
    return this.queue.runs.find(id) ?? this.deferred.runs.find(id) ?? this.withdrawn.find(id);
  }

  /** All runs, or those with ids in a range, also those whose end is being written. */
  runs(ids: IdRange = all): LiveRun[] {
    return [...this.runsToEnd(ids), ...this.withdrawn.between(...ids)];
  }

  /** As runs(), of one user. */
  runsOf(uid: number): LiveRun[] {
    return this.countRuns(uid) === 0 ? [] : this.runs().filter((run) => run.uid === uid);
  }

  /** The runs that wait. */
  runsToEnd(ids: IdRange = all): LiveRun[] {
    return [...this.queue.runs.between(...ids), ...this.deferred.runs.between(...ids)];
  }

  /** What has a schedule is deferred until somebody releases it. */
  add(live: Live): void {
    live.isDeferred = live.submission.schedule !== null;
    (live.isDeferred ? this.deferred : this.queue).add(live);
  }

  addRun(run: LiveRun): void {
    if (run.submission.schedule === null) this.queue.addRun(run.as({ isDeferred: false }));
    else this.deferred.addRun(run.as({ isDeferred: true }));
  }

  remove(id: InvocationId): boolean {
    return this.queue.remove(id) || this.deferred.remove(id);
  }

  withdrawRuns(ids: IdRange): readonly LiveRun[] {
    const runs = [...this.queue.removeRuns(...ids), ...this.deferred.removeRuns(...ids)];
    for (const run of runs) this.withdrawn.add(run);
    return runs;
  }

  restoreRun(run: LiveRun): void {
    this.forgetRun(run);
    this.addRun(run);
  }

  forgetRun({ fromId, toId }: LiveRun): void {
    this.withdrawn.remove(fromId, toId);
  }

  /** They may start from now on. */
  release(singles: readonly Live[], ranges: readonly IdRange[]): void {
    for (const live of singles) {
      assert(this.deferred.remove(live.id), "what is released was deferred");
      live.isDeferred = false;
      this.queue.add(live);
    }
    for (const range of ranges)
      for (const run of this.deferred.removeRuns(...range))
        this.queue.addRun(run.as({ isDeferred: false }));
  }

  /** `change` changes what deferred ones with these ids have in common. */
  change(singles: readonly Live[], range: IdRange, change: () => void): void {
    const waiting = singles.filter(({ id }) => this.deferred.remove(id));
    const runs = this.deferred.removeRuns(...range);
    change();
    for (const live of waiting) this.deferred.add(live);
    for (const run of runs) this.deferred.addRun(run);
  }

  /** They wait for more than a place again. */
  defer(singles: readonly Live[], range: IdRange): void {
    for (const live of singles)
      if (this.queue.remove(live.id)) {
        live.isDeferred = true;
        this.deferred.add(live);
      }
    for (const run of this.queue.removeRuns(...range))
      this.deferred.addRun(run.as({ isDeferred: true }));
  }
}

const all: IdRange = [0 as InvocationId, Number.MAX_SAFE_INTEGER as InvocationId];
