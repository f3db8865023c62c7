// Changes submissions that have not ended: holds and releases them, and gives them another name,
// time limit, comment or schedule. What they ask is durable before anything starts by it.

import { nowMs } from "../../clock.js";
import type { Store } from "../../core/ports/store.js";
import type { ChangedTerms } from "../../core/ports/submissions.js";
import { changedSubmission, isOfSchedule, waitsForItself } from "../../core/scheduling/change.js";
import type { AdmissionPolicy } from "../../core/submission/admission.js";
import { spanText } from "../../core/submission/time-limit.js";
import { KeyedSemaphores } from "../../limits/semaphore.js";
import { GleanerError } from "../../model/errors.js";
import type { InvocationId } from "../../model/ids.js";
import type { Change, Schedule, TimeLimits } from "../../model/invocation.js";
import type { LiveInvocations } from "../state/live.js";
import type { LiveSubmission } from "../state/live-invocation.js";
import { openOf, submissionOf } from "./open.js";
import { withoutTask, withTask } from "./releasing.js";
import type { Scheduler } from "./scheduler.js";

export interface ChangesDependencies {
  readonly live: LiveInvocations;
  readonly store: Pick<Store, "saveTerms" | "describeSubmissions">;
  readonly scheduler: Pick<Scheduler, "keep" | "reread">;
  readonly admission: AdmissionPolicy;
}

/** All of it resolves once it is durable. */
export class Changes {
  /** One change of a submission at a time: each goes out from the one before. */
  private readonly turns = new KeyedSemaphores<InvocationId>(1);
  /** Dependencies that are being written: two submissions must not come to wait for each other. */
  private readonly coming = new Map<InvocationId, Schedule["dependency"]>();

  constructor(private readonly deps: ChangesDependencies) {}

  /** Holds or releases a submission that has not ended: what runs goes on. */
  async setHeld(id: InvocationId, held: boolean): Promise<void> {
    await this.change(id, async ({ schedule }) => {
      const { held: _, heldTasks: _tasks, ...others } = schedule ?? {};
      return { schedule: held ? { ...others, held } : others };
    });
  }

  /** The same for one task of an array, by its number; of an array that is held, others stay so. */
  async setTaskHeld(id: InvocationId, number: number, held: boolean): Promise<void> {
    await this.change(id, async ({ schedule }) => {
      if (held || schedule?.held !== true)
        return { schedule: withTask(schedule ?? {}, number, held) };
      const { singles, ids } = openOf(this.deps.live, id);
      const runs = [...this.deps.live.room.runs(ids)];
      return { schedule: withoutTask(schedule, number, { singles, runs }) };
    });
  }

  /**
   * Throws a GleanerError if it has ended, or may not be changed so. As with Slurm, only operators
   * may raise the time limit of what runs.
   */
  async update(id: InvocationId, asked: Change, byOperator: boolean): Promise<void> {
    const isOpen = await this.change(id, async (submission) => {
      const { singles } = openOf(this.deps.live, id);
      const runs = singles.some(({ state }) => state === "RUNNING");
      this.requireChangeable(id, submission, asked, runs);
      const [sent] = await this.deps.store.describeSubmissions([id], null);
      const { name, comment, timeLimitMs, schedule } = changedSubmission(
        { ...sent!.submission, schedule: submission.schedule ?? {} },
        asked,
        this.deps.admission,
        nowMs(),
      );
      const heldMs = submission.requested.timeLimitMs;
      if (runs && timeLimitMs > heldMs && !byOperator)
        throw new GleanerError(
          "NOT_ALLOWED",
          `${id} runs, and only an operator may raise its time limit of ${spanText(heldMs)}: set a shorter one, or ask an operator`,
        );
      const timeLimits = runs ? widened(submission, timeLimitMs) : null;
      return { schedule: schedule!, name, timeLimitMs, timeLimits, comment: comment ?? null };
    });
    if (!isOpen) throw new GleanerError("BAD_REQUEST", `${id} has ended, and stays as it was`);
  }

  private requireChangeable(
    id: InvocationId,
    { digest, workerKey }: LiveSubmission,
    asked: Change,
    runs: boolean,
  ): void {
    const { live } = this.deps;
    if (digest.lease !== undefined)
      throw new GleanerError("BAD_REQUEST", `${id} is a lease: end it, and ask for another one`);
    const isSingle = !live.hasArray(id);
    if (runs && workerKey !== null && asked.timeLimitMs !== undefined)
      throw new GleanerError(
        "BAD_REQUEST",
        `${id} runs, and a call keeps the time limit that its function was told: cancel it, or let it end`,
      );
    if (runs && isSingle && isOfSchedule(asked))
      throw new GleanerError(
        "BAD_REQUEST",
        `${id} runs already: only its name, its comment and its time limit can change`,
      );
    const dependencyOf = (other: InvocationId) =>
      this.coming.get(other) ?? submissionOf(live, other)?.schedule?.dependency;
    if (waitsForItself(id, asked.dependency ?? null, dependencyOf))
      throw new GleanerError("BAD_REQUEST", `${id} would wait for itself: name another dependency`);
    if (asked.dependency != null) this.coming.set(id, asked.dependency);
  }

  /** Returns whether the submission is open; nothing of it starts meanwhile. */
  private change(
    id: InvocationId,
    termsFor: (submission: LiveSubmission) => Promise<ChangedTerms>,
  ): Promise<boolean> {
    return this.turns.run(id, async () => {
      const { live, store, scheduler } = this.deps;
      const submission = submissionOf(live, id);
      if (submission === null) return false;
      submission.schedule ??= {};
      scheduler.keep(id);
      try {
        const terms = await termsFor(submission);
        await store.saveTerms(id, terms);
        this.apply(id, submission, terms);
      } finally {
        this.coming.delete(id);
        scheduler.reread(id);
      }
      return true;
    });
  }

  private apply(id: InvocationId, submission: LiveSubmission, terms: ChangedTerms): void {
    const { live } = this.deps;
    const { schedule, name, timeLimitMs, timeLimits } = terms;
    const { singles, ids } = openOf(live, id);
    live.room.change(singles, ids, () => {
      submission.schedule = schedule;
      // What kept it back before may not be in the new schedule.
      submission.barrier = null;
      if (timeLimits !== undefined) submission.changedLimits = timeLimits;
      submission.requested = {
        ...submission.requested,
        ...(name !== undefined && { name }),
        ...(timeLimitMs !== undefined && { timeLimitMs }),
      };
    });
  }
}

/** What runs may have heard of each change, or of none. */
function widened(
  { requested, changedLimits }: LiveSubmission,
  timeLimitMs: number,
): TimeLimits | null {
  const beforeMs = requested.timeLimitMs;
  if (timeLimitMs === beforeMs) return changedLimits;
  const { leastMs, mostMs } = changedLimits ?? { leastMs: beforeMs, mostMs: beforeMs };
  return { leastMs: Math.min(leastMs, timeLimitMs), mostMs: Math.max(mostMs, timeLimitMs) };
}
