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
  ) {}

  get count(): number {
    return this.toId - this.fromId + 1;
  }

  /** A new object each time, as the task is before its first attempt. */
  at(id: InvocationId): Live {
    return new Live(id, this.numberOf(id), untouched, this.submission);
  }

  part(fromId: InvocationId, toId: InvocationId): LiveRun {
    return new LiveRun(fromId, toId, this.numberOf(fromId), this.step, this.submission);
  }

  private numberOf(id: InvocationId): number {
    return this.task + (id - this.fromId) * this.step;
  }
}
