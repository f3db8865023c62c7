// Lets what waits for more than a place go on once its schedule allows it: dependencies, begin
// times, holds, deadlines, and arrays that may run few tasks at once.

import type { Logger } from "pino";
import { clearTimeout, nowMs, setImmediate, setTimeout, type Timer } from "../../clock.js";
import type { IdRange, Store } from "../../core/ports/store.js";
import {
  type Barrier,
  barrierOf,
  lastStartMs,
  together,
  type Verdict,
} from "../../core/scheduling/eligibility.js";
import { LogRateLimit } from "../../limits/rate-limit.js";
import { messageOf } from "../../model/errors.js";
import type { InvocationId } from "../../model/ids.js";
import { type Condition, type Schedule, submissionIdOf } from "../../model/invocation.js";
import { endWithdrawn } from "../invocations/withdrawal.js";
import type { Events } from "../state/events.js";
import type { LiveInvocations } from "../state/live.js";
import type { Live, LiveSubmission } from "../state/live-invocation.js";
import type { LiveRun } from "../state/live-run.js";
import { type OpenPart, openOf, submissionOf } from "./open.js";
import { allowedIn, rangeOf } from "./releasing.js";
import { Standings } from "./standings.js";

/** setTimeout's limit is 24 days. */
const longestTimerMs = 3_600_000;
/** A full disk is not repaired sooner. */
const retryMs = 1_000;

export interface SchedulerDependencies {
  readonly live: LiveInvocations;
  readonly store: Store;
  readonly events: Events;
  readonly dispatcher: { kick(): void };
  readonly log: Logger;
}

export class Scheduler {
  /** Submissions with a schedule that have not ended, with how many conditions are being read. */
  private readonly scheduled = new Map<InvocationId, { unread: number }>();
  /** Those that are about to change. */
  private readonly kept = new Set<InvocationId>();
  private readonly dirty = new Set<InvocationId>();
  private readonly timers = new Map<InvocationId, Timer>();
  private readonly standings: Standings;
  private readonly problems = new LogRateLimit();
  private isKicked = false;

  constructor(private readonly deps: SchedulerDependencies) {
    const { live, store, events } = deps;
    this.standings = new Standings(live, store, events, (ids) => this.touch(ids));
    events.subscribe(["deferred"], ({ submission }) => this.take(submission));
    events.subscribe(["invocationEnded"], ({ invocation }) => {
      const id = submissionIdOf(invocation);
      if (this.scheduled.has(id)) this.touch([id]);
      this.touchSingletons(invocation.owner.uid);
    });
    events.subscribe(["tasksEnded"], ({ array }) => {
      if (this.scheduled.has(array)) this.touch([array]);
    });
    events.subscribe(["arrayEnded"], ({ array }) => {
      if (this.scheduled.has(array)) this.touch([array]);
      for (const id of this.scheduled.keys()) if (this.isSingleton(id)) this.touch([id]);
    });
  }

  /** Keeps what waits of it from starting until `reread`: it is about to change. */
  keep(id: InvocationId): void {
    this.kept.add(id);
    const { singles, ids } = this.openOf(id);
    this.deps.live.room.defer(singles, ids);
  }

  /** Goes by its schedule as it is now. */
  reread(id: InvocationId): void {
    this.kept.delete(id);
    this.forget(id);
    this.take(id);
    this.touchSingletons(this.submissionOf(id)?.requested.owner.uid);
  }

  private take(id: InvocationId): void {
    if (!this.scheduled.has(id)) {
      const on = this.submissionOf(id)?.schedule?.dependency?.on ?? [];
      const entry = { unread: on.length };
      this.scheduled.set(id, entry);
      for (const condition of on) void this.watch(condition, id, entry);
    }
    this.touch([id]);
  }

  private async watch(
    condition: Condition,
    id: InvocationId,
    entry: { unread: number },
  ): Promise<void> {
    for (;;)
      try {
        await this.standings.watch(condition, id);
        entry.unread--;
        if (!this.scheduled.has(id)) this.standings.unwatch(id);
        return this.touch([id]);
      } catch (cause) {
        this.complain("cannot read what an invocation depends on", cause);
        await new Promise<void>((resolve) => setTimeout(resolve, retryMs).unref());
      }
  }

  /** Examines these in the next turn; many calls cause one examination. */
  private touch(ids: Iterable<InvocationId>): void {
    for (const id of ids) this.dirty.add(id);
    if (this.isKicked || this.dirty.size === 0) return;
    this.isKicked = true;
    setImmediate(() => {
      this.isKicked = false;
      const examined = [...this.dirty];
      this.dirty.clear();
      for (const id of examined) this.examine(id);
      this.deps.dispatcher.kick();
    });
  }

  private touchSingletons(uid: number | undefined): void {
    for (const id of this.scheduled.keys())
      if (this.isSingleton(id) && this.submissionOf(id)?.requested.owner.uid === uid)
        this.touch([id]);
  }

  private isSingleton(id: InvocationId): boolean {
    const on = this.submissionOf(id)?.schedule?.dependency?.on ?? [];
    return on.some(({ kind }) => kind === "singleton");
  }

  private examine(id: InvocationId): void {
    const submission = this.submissionOf(id);
    if (submission === null) {
      this.forget(id);
      return;
    }
    const { schedule } = submission;
    if (schedule === null || this.kept.has(id)) return;
    const last = lastStartMs(schedule, submission.requested);
    if (last !== null && nowMs() > last) {
      void this.end(id, "DeadLine: it could no longer end before its deadline");
      return;
    }
    const barrier = this.barrierOf(id, submission, schedule, null);
    const untilMs = Math.min(barrier?.untilMs ?? Number.POSITIVE_INFINITY, (last ?? 1 / 0) + 1);
    this.wakeAt(id, untilMs);
    const never = barrier?.reason === "DependencyNeverSatisfied";
    if (never && schedule.dependency?.endIfNever) {
      void this.end(id, "DependencyNeverSatisfied: its dependency can never be satisfied");
      return;
    }
    const byTask = schedule.dependency?.on.some(({ kind }) => kind === "aftercorr") === true;
    if (barrier === null || (byTask && this.deps.live.hasArray(id)))
      this.release(id, submission, schedule, byTask ? barrier : null);
    else submission.barrier = barrier.reason;
  }

  /** Releases what may start: at most as many tasks as may run at once. */
  private release(
    id: InvocationId,
    submission: LiveSubmission,
    schedule: Schedule,
    barrier: Barrier | null,
  ): void {
    const { live } = this.deps;
    const { singles, runs } = this.deferredOf(id);
    const deferred = runs.reduce((sum, { count }) => sum + count, singles.length);
    const open = live.tasksOf(id)?.count ?? 1;
    let free = (schedule.mostRunning ?? Number.POSITIVE_INFINITY) - (open - deferred);
    const { heldTasks = [] } = schedule;
    const held = new Set(heldTasks);
    const may = (task: Live): boolean =>
      !held.has(task.invocation.arrayTaskId ?? -1) &&
      (barrier === null || this.barrierOf(id, submission, schedule, task) === null);
    const isEach = barrier !== null || held.size > 0;
    const chosen = [...singles].sort((left, right) => left.id - right.id).filter(may);
    const released = chosen.slice(0, Math.max(0, free));
    free -= released.length;
    const ranges: IdRange[] = [];
    for (const run of runs) {
      if (free <= 0) break;
      const part = isEach ? allowedIn(run, may, free) : [rangeOf(run, free)];
      ranges.push(...part);
      free -= part.reduce((sum, [first, last]) => sum + last - first + 1, 0);
    }
    submission.barrier = barrier?.reason ?? "JobArrayTaskLimit";
    live.room.release(released, ranges);
  }

  /** For all tasks, or for one of an array whose tasks depend on single ones. */
  private barrierOf(
    id: InvocationId,
    submission: LiveSubmission,
    schedule: Schedule,
    task: Live | null,
  ): Barrier | null {
    const { dependency } = schedule;
    const number = task?.invocation.arrayTaskId ?? null;
    const verdicts = (dependency?.on ?? []).map((condition): Verdict => {
      if (condition.kind !== "singleton") return this.standings.verdict(condition, number);
      return this.hasEarlier(id, submission) ? "open" : "met";
    });
    if ((this.scheduled.get(id)?.unread ?? 0) > 0) verdicts.fill("open");
    const verdict = together(verdicts, dependency?.any ?? false, nowMs());
    return barrierOf(schedule, dependency === undefined ? "met" : verdict, nowMs());
  }

  /** Whether an invocation of the same name and owner that was submitted earlier has not ended. */
  private hasEarlier(id: InvocationId, { requested }: LiveSubmission): boolean {
    const { live } = this.deps;
    const { name, owner } = requested;
    for (const each of live.singles(owner.uid))
      if (each.name === name && submissionIdOf(each) < id) return true;
    return live.room
      .runs()
      .some(
        ({ submission: { requested: other } }) =>
          other.owner.uid === owner.uid && other.name === name && other.arrayJobId! < id,
      );
  }

  /** Cancels what waits of a submission. */
  private async end(id: InvocationId, reason: string): Promise<void> {
    const { live, store } = this.deps;
    const { singles, ids } = this.openOf(id);
    const waiting = singles.filter((each) => live.room.has(each.id));
    for (const each of waiting) live.withdraw(each);
    const runs = live.withdrawRuns(ids);
    try {
      await endWithdrawn({ live, store }, { singles: waiting, runs }, "CANCELLED", reason);
    } catch (cause) {
      this.complain("cannot end an invocation whose time is over", cause);
      this.wakeAt(id, nowMs() + retryMs);
    }
  }

  private wakeAt(id: InvocationId, atMs: number): void {
    clearTimeout(this.timers.get(id));
    this.timers.delete(id);
    if (atMs === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.min(longestTimerMs, Math.max(1, atMs - nowMs()));
    const timer = setTimeout(() => this.touch([id]), delayMs);
    timer.unref();
    this.timers.set(id, timer);
  }

  private forget(id: InvocationId): void {
    this.wakeAt(id, Number.POSITIVE_INFINITY);
    if (this.scheduled.delete(id)) this.standings.unwatch(id);
  }

  /** null once all of it has ended. */
  private submissionOf(id: InvocationId): LiveSubmission | null {
    return submissionOf(this.deps.live, id);
  }

  private openOf(id: InvocationId): OpenPart {
    return openOf(this.deps.live, id);
  }

  private deferredOf(id: InvocationId): {
    readonly singles: readonly Live[];
    readonly runs: readonly LiveRun[];
  } {
    const { singles, ids } = this.openOf(id);
    const { deferred } = this.deps.live.room;
    return {
      singles: singles.filter((live) => deferred.has(live.id)),
      runs: [...deferred.runs.between(...ids)],
    };
  }

  private complain(what: string, cause: unknown): void {
    this.problems.say((suppressed) =>
      this.deps.log.error({ cause: messageOf(cause), suppressed }, what),
    );
  }
}
