// Waiting invocations with consecutive ids that differ in nothing that placement reads: the tasks
// of an array, as one entry of the queue however many they are.

import type { InvocationId } from "../../model/ids.js";
import type { Waiting } from "./waiting.js";

export interface WaitingRun {
  readonly fromId: InvocationId;
  readonly toId: InvocationId;
  /** One of them, made when somebody reads it. */
  at(id: InvocationId): Waiting;
  part(fromId: InvocationId, toId: InvocationId): WaitingRun;
}

const sizeOf = ({ fromId, toId }: WaitingRun): number => toId - fromId + 1;

/** Runs that do not overlap, by their ids. */
export class WaitingRuns<Run extends WaitingRun = WaitingRun> implements Iterable<Run> {
  private runs: Run[] = [];
  private size = 0;

  /** The invocations in all of them. */
  get count(): number {
    return this.size;
  }

  [Symbol.iterator](): Iterator<Run> {
    return this.runs.values();
  }

  add(run: Run): void {
    // Ids grow with submission, so a new one usually goes to the end.
    const last = this.runs.at(-1);
    if (last === undefined || last.toId < run.fromId) this.runs.push(run);
    else this.runs.splice(this.indexAfter(run.fromId), 0, run);
    this.size += sizeOf(run);
  }

  find(id: InvocationId): Run | undefined {
    const run = this.runs[this.indexAfter(id)];
    return run !== undefined && run.fromId <= id ? run : undefined;
  }

  /** Those that have ids from `fromId` to `toId`. */
  *between(fromId: InvocationId, toId: InvocationId): Iterable<Run> {
    for (let index = this.indexAfter(fromId); index < this.runs.length; index++) {
      const run = this.runs[index]!;
      if (run.fromId > toId) return;
      yield run;
    }
  }

  /** Invocations with a smaller id. */
  countBefore(id: InvocationId): number {
    let count = 0;
    for (const run of this.runs) {
      if (run.fromId >= id) break;
      count += Math.min(run.toId, id - 1) - run.fromId + 1;
    }
    return count;
  }

  /** Removes the ids from `fromId` to `toId` and returns what was there, as runs. */
  remove(fromId: InvocationId, toId: InvocationId): Run[] {
    const first = this.indexAfter(fromId);
    const removed: Run[] = [];
    const rest: Run[] = [];
    let end = first;
    for (; end < this.runs.length && this.runs[end]!.fromId <= toId; end++) {
      const run = this.runs[end]!;
      const part = (from: number, to: number) => run.part(from as InvocationId, to as InvocationId);
      if (run.fromId < fromId) rest.push(part(run.fromId, fromId - 1) as Run);
      removed.push(part(Math.max(run.fromId, fromId), Math.min(run.toId, toId)) as Run);
      if (run.toId > toId) rest.push(part(toId + 1, run.toId) as Run);
    }
    // What is placed is usually the first of a run, which leaves the list as long as it was.
    if (end - first === 1 && rest.length === 1) this.runs[first] = rest[0]!;
    else this.runs.splice(first, end - first, ...rest);
    this.size -= removed.reduce((sum, run) => sum + sizeOf(run), 0);
    return removed;
  }

  /** The position of the first run that ends at `id` or later. */
  private indexAfter(id: number): number {
    let low = 0;
    let high = this.runs.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.runs[middle]!.toId < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** All of them in the order of their ids; `single` must be ordered already. */
export function* inOrder(
  single: Iterable<Waiting>,
  runs: Iterable<WaitingRun>,
): Generator<Waiting, void> {
  const rest = single[Symbol.iterator]();
  let next = rest.next();
  for (const run of runs)
    for (let id = run.fromId; id <= run.toId; id = (id + 1) as InvocationId) {
      for (; !next.done && next.value.id < id; next = rest.next()) yield next.value;
      yield run.at(id);
    }
  for (; !next.done; next = rest.next()) yield next.value;
}
