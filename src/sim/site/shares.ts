// The shares of nodes that jobs and outages take, as they are collected while a trace is read.

import { assert, GleanerError } from "../../model/errors.js";

/** The part of one node that a job, or an outage, takes during [fromMs, toMs). */
export interface Share {
  /** An index into the trace's nodes. */
  readonly node: number;
  readonly cores: number;
  readonly memoryMb: number;
  readonly fromMs: number;
  readonly toMs: number;
  /** Whether the whole node is out of service; if omitted, a job runs there. */
  readonly isOutage?: boolean;
}

/** The numbers of each share. */
const width = 6;
/** Also the most that a permutation of 32-bit indices can address. */
const maxShares = 50_000_000;

/** Collects shares as they are read, in one growing array. */
export class ShareList {
  private data = new Float64Array(width * 1_024);
  length = 0;

  add(share: Share): void {
    assert(share.toMs > share.fromMs && share.cores > 0, "a share has cores and lasts");
    if (this.length === maxShares)
      throw new GleanerError(
        "LIMIT_REACHED",
        `the trace has more than ${maxShares} shares of nodes: replay a part of it with --from and --to`,
      );
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
    this.data[at + 5] = share.isOutage === true ? 1 : 0;
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
  isOutage(index: number): boolean {
    return this.data[index * width + 5]! === 1;
  }
}
