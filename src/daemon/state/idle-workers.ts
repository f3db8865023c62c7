// The idle workers of one executor: as it said last, less those that took a call since.

import { type WorkerKind, workerKey } from "../../model/call.js";
import type { InvocationId } from "../../model/ids.js";

export class IdleWorkers {
  /** By their kind (workerKey). */
  private said: ReadonlyMap<string, number> = new Map();
  /** The calls that were ordered since, which may have taken one. */
  private readonly taken = new Map<InvocationId, string>();

  says(workers: readonly (WorkerKind & { readonly count: number })[]): void {
    this.said = new Map(workers.map((each) => [workerKey(each), each.count]));
    this.taken.clear();
  }

  take(call: InvocationId, key: string): void {
    if (this.said.has(key)) this.taken.set(call, key);
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
}
