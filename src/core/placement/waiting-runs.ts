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

export interface RunCounter<Run> {
  /** A run comes (1) or goes (-1); of one that is cut, the rest comes. */
  changed(run: Run, change: 1 | -1): void;
}

/** So many lie in one block at most: a change moves few, however many runs there are. */
const maxInBlock = 512;

/** Runs that do not overlap, by their ids. */
export class WaitingRuns<Run extends WaitingRun = WaitingRun> implements Iterable<Run> {
  /** Each one ordered, none empty, and with smaller ids than the next one. */
  private readonly blocks: Run[][] = [];
  private size = 0;

  constructor(private readonly counter?: RunCounter<Run>) {}

  /** The invocations in all of them. */
  get count(): number {
    return this.size;
  }

  *[Symbol.iterator](): Iterator<Run> {
    for (const block of this.blocks) yield* block;
  }

  add(run: Run): void {
    this.size += sizeOf(run);
    this.counter?.changed(run, 1);
    // Ids grow with submission, so a new one usually goes to the end.
    const last = this.blocks.at(-1);
    if (last === undefined || last.at(-1)!.toId < run.fromId) {
      if (last === undefined || last.length >= maxInBlock) this.blocks.push([run]);
      else last.push(run);
      return;
    }
    const at = this.blockWith(run.fromId);
    const block = this.blocks[at]!;
    block.splice(indexAfter(block, run.fromId), 0, run);
    this.split(at);
  }

  private split(at: number): void {
    const block = this.blocks[at]!;
    if (block.length > maxInBlock) this.blocks.splice(at + 1, 0, block.splice(maxInBlock / 2));
  }

  find(id: InvocationId): Run | undefined {
    const block = this.blocks[this.blockWith(id)] ?? [];
    const run = block[indexAfter(block, id)];
    return run !== undefined && run.fromId <= id ? run : undefined;
  }

  /** Those that have ids from `fromId` to `toId`. */
  *between(fromId: InvocationId, toId: InvocationId): Iterable<Run> {
    for (let at = this.blockWith(fromId); at < this.blocks.length; at++) {
      const block = this.blocks[at]!;
      for (let index = indexAfter(block, fromId); index < block.length; index++) {
        const run = block[index]!;
        if (run.fromId > toId) return;
        yield run;
      }
    }
  }

  /** Invocations with a smaller id. */
  countBefore(id: InvocationId): number {
    let count = 0;
    for (const run of this) {
      if (run.fromId >= id) break;
      count += Math.min(run.toId, id - 1) - run.fromId + 1;
    }
    return count;
  }

  /** Removes the ids from `fromId` to `toId` and returns what was there, as runs. */
  remove(fromId: InvocationId, toId: InvocationId): Run[] {
    const removed: Run[] = [];
    let at = this.blockWith(fromId);
    while (at < this.blocks.length && this.blocks[at]![0]!.fromId <= toId) {
      const block = this.blocks[at]!;
      const cut = cutFrom(block, fromId, toId);
      for (const run of cut.touched) this.counter?.changed(run, -1);
      for (const run of cut.rest) this.counter?.changed(run, 1);
      removed.push(...cut.removed);
      if (block.length === 0) this.blocks.splice(at, 1);
      else this.split(at++);
    }
    this.size -= removed.reduce((sum, run) => sum + sizeOf(run), 0);
    return removed;
  }

  /** The position of the first block that ends at `id` or later. */
  private blockWith(id: number): number {
    return firstWith(this.blocks, (block) => block.at(-1)!.toId >= id);
  }
}

interface Cut<Run> {
  /** The runs that lay there, what was removed of them, and what stays. */
  readonly touched: readonly Run[];
  readonly removed: readonly Run[];
  readonly rest: readonly Run[];
}

/** Removes the ids from `fromId` to `toId` from one block. */
function cutFrom<Run extends WaitingRun>(block: Run[], fromId: number, toId: number): Cut<Run> {
  const first = indexAfter(block, fromId);
  const removed: Run[] = [];
  const rest: Run[] = [];
  let end = first;
  for (; end < block.length && block[end]!.fromId <= toId; end++) {
    const run = block[end]!;
    const part = (from: number, to: number) =>
      run.part(from as InvocationId, to as InvocationId) as Run;
    if (run.fromId < fromId) rest.push(part(run.fromId, fromId - 1));
    removed.push(part(Math.max(run.fromId, fromId), Math.min(run.toId, toId)));
    if (run.toId > toId) rest.push(part(toId + 1, run.toId));
  }
  return { touched: block.splice(first, end - first, ...rest), removed, rest };
}

/** The position of the first run that ends at `id` or later. */
const indexAfter = (block: readonly WaitingRun[], id: number): number =>
  firstWith(block, ({ toId }) => toId >= id);

/** `holds` is true from some position on, which is returned. */
function firstWith<Each>(all: readonly Each[], holds: (each: Each) => boolean): number {
  let low = 0;
  let high = all.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(all[middle]!)) high = middle;
    else low = middle + 1;
  }
  return low;
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
