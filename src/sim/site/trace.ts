// A trace as the engine replays it: nodes, and what batch jobs take from them and return, in order
// of time.

import { assert, GleanerError } from "../../model/errors.js";
import type { NodeName } from "../../model/ids.js";

export interface TraceNode {
  readonly name: NodeName;
  readonly cores: number;
  readonly memoryMb: number;
}

/** One job's share of one node during [fromMs, toMs). */
export interface Share {
  /** An index into the trace's nodes. */
  readonly node: number;
  readonly cores: number;
  readonly memoryMb: number;
  readonly fromMs: number;
  readonly toMs: number;
}

/** Why records were omitted and how many, by reason; and what else the reader should know. */
export interface InputNotes {
  readonly skipped: Readonly<Record<string, number>>;
  readonly remarks: readonly string[];
}

export interface Trace {
  readonly nodes: readonly TraceNode[];
  readonly fromMs: number;
  readonly toMs: number;
  /** Jobs, or in a hole log the ends of holes. */
  readonly jobs: number;
  readonly changes: Changes;
  readonly notes: InputNotes;
}

/** A longer trace contains a wrong time. */
const maxYears = 10;
const yearMs = 366 * 86_400_000;

/**
 * Throws BAD_REQUEST if the trace is implausibly long, LIMIT_REACHED if its core-milliseconds
 * exceed exact integers.
 */
export function checkExtent(trace: Trace): Trace {
  const lastsMs = trace.toMs - trace.fromMs;
  if (lastsMs > maxYears * yearMs)
    throw new GleanerError(
      "BAD_REQUEST",
      `the trace lasts from ${day(trace.fromMs)} to ${day(trace.toMs)}, more than ${maxYears} years: remove the records with wrong times`,
    );
  const cores = trace.nodes.reduce((sum, node) => sum + node.cores, 0);
  if (!Number.isSafeInteger(cores * lastsMs))
    throw new GleanerError("LIMIT_REACHED", "the trace covers too long a period to sum: split it");
  return trace;
}

const day = (atMs: number): string => new Date(atMs).toISOString().slice(0, 10);

/** Counts omitted records by reason. */
export class Skipped {
  private readonly counts = new Map<string, number>();

  add(reason: string): void {
    this.counts.set(reason, (this.counts.get(reason) ?? 0) + 1);
  }

  all(): Record<string, number> {
    return Object.fromEntries(this.counts);
  }
}

export const skippedRecords = (notes: InputNotes): number =>
  Object.values(notes.skipped).reduce((sum, count) => sum + count, 0);

/**
 * Begins and ends on nodes in order of time; at the same moment ends come first, so that a job may
 * use what another returns. Columns, not objects: a large site has millions.
 */
export class Changes {
  private constructor(
    readonly length: number,
    private readonly times: Float64Array,
    private readonly nodes: Int32Array,
    /** Positive: a job begins and takes them; negative: it ended. */
    private readonly coreDeltas: Int32Array,
    private readonly memoryDeltas: Float64Array,
  ) {}

  atMs(index: number): number {
    return this.times[index]!;
  }
  node(index: number): number {
    return this.nodes[index]!;
  }
  cores(index: number): number {
    return this.coreDeltas[index]!;
  }
  memoryMb(index: number): number {
    return this.memoryDeltas[index]!;
  }

  /** Merges both in order; at the same moment ends come first. */
  with(others: Changes): Changes {
    const length = this.length + others.length;
    const times = new Float64Array(length);
    const nodes = new Int32Array(length);
    const cores = new Int32Array(length);
    const memory = new Float64Array(length);
    let mine = 0;
    for (let place = 0, theirs = 0; place < length; place++) {
      const isMine =
        theirs === others.length || (mine < this.length && this.isBefore(mine, others, theirs));
      const from = isMine ? this : others;
      const index = isMine ? mine++ : theirs++;
      times[place] = from.atMs(index);
      nodes[place] = from.node(index);
      cores[place] = from.cores(index);
      memory[place] = from.memoryMb(index);
    }
    return new Changes(length, times, nodes, cores, memory);
  }

  private isBefore(mine: number, others: Changes, theirs: number): boolean {
    const laterMs = this.atMs(mine) - others.atMs(theirs);
    return laterMs < 0 || (laterMs === 0 && (this.cores(mine) < 0 || others.cores(theirs) > 0));
  }

  static of(shares: ShareList): Changes {
    const count = shares.length * 2;
    const order = new Uint32Array(count);
    for (let index = 0; index < count; index++) order[index] = index;
    // An even index is a begin, an odd one the end of the same share.
    const time = (index: number) =>
      index % 2 === 0 ? shares.fromMs(index >> 1) : shares.toMs(index >> 1);
    order.sort((a, b) => time(a) - time(b) || (b % 2) - (a % 2) || a - b);
    const times = new Float64Array(count);
    const nodes = new Int32Array(count);
    const cores = new Int32Array(count);
    const memory = new Float64Array(count);
    for (let place = 0; place < count; place++) {
      const index = order[place]!;
      const sign = index % 2 === 0 ? 1 : -1;
      times[place] = time(index);
      nodes[place] = shares.node(index >> 1);
      cores[place] = sign * shares.cores(index >> 1);
      memory[place] = sign * shares.memoryMb(index >> 1);
    }
    return new Changes(count, times, nodes, cores, memory);
  }
}

/** The numbers of each share. */
const width = 5;
/** Also the most that a permutation of 32-bit indices can address. */
const maxShares = 50_000_000;

/** Collects shares as they are read, in one growing array. */
export class ShareList {
  private data = new Float64Array(width * 1_024);
  length = 0;

  add(share: Share): void {
    assert(share.toMs > share.fromMs && share.cores > 0, "a share has cores and lasts");
    assert(this.length < maxShares, `a trace has at most ${maxShares} shares of nodes`);
    const at = this.length * width;
    if (at === this.data.length) {
      const larger = new Float64Array(this.data.length * 2);
      larger.set(this.data);
      this.data = larger;
    }
    this.data[at] = share.node;
    this.data[at + 1] = share.cores;
    this.data[at + 2] = share.memoryMb;
    this.data[at + 3] = share.fromMs;
    this.data[at + 4] = share.toMs;
    this.length++;
  }

  node(index: number): number {
    return this.data[index * width]!;
  }
  cores(index: number): number {
    return this.data[index * width + 1]!;
  }
  memoryMb(index: number): number {
    return this.data[index * width + 2]!;
  }
  fromMs(index: number): number {
    return this.data[index * width + 3]!;
  }
  toMs(index: number): number {
    return this.data[index * width + 4]!;
  }
}
