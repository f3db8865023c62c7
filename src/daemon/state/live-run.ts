// Tasks of an array that wait and that nobody has tried to run: one object, however many they are.

import type { WaitingRun } from "../../core/placement/waiting-runs.js";
import type { InvocationId } from "../../model/ids.js";
import { untouched } from "../../model/invocation.js";
import { Live, type LiveSubmission } from "./live-invocation.js";

export class LiveRun implements WaitingRun {
  constructor(
    readonly fromId: InvocationId,
    readonly toId: InvocationId,
    /** The number of the first task. */
    private readonly task: number,
    readonly step: number,
    readonly submission: LiveSubmission,
    private readonly isDeferred = false,
  ) {}

  get count(): number {
    return this.toId - this.fromId + 1;
  }

  get uid(): number {
    return this.submission.requested.owner.uid;
  }

  /** A new object each time, as the task is before its first attempt. */
  at(id: InvocationId): Live {
    const live = new Live(id, this.numberOf(id), untouched, this.submission);
    live.isDeferred = this.isDeferred;
    return live;
  }

  as({ isDeferred }: { readonly isDeferred: boolean }): LiveRun {
    if (isDeferred === this.isDeferred) return this;
    const { fromId, toId, task, step, submission } = this;
    return new LiveRun(fromId, toId, task, step, submission, isDeferred);
  }

  part(fromId: InvocationId, toId: InvocationId): LiveRun {
    const task = this.numberOf(fromId);
    return new LiveRun(fromId, toId, task, this.step, this.submission, this.isDeferred);
  }

  private numberOf(id: InvocationId): number {
    return this.task + (id - this.fromId) * this.step;
  }
}
