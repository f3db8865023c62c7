// Reads a trace of calls of functions, one line at a time, and sorts it by function.

import { emptyTrace, invocationLines, tooManyCalls } from "../inputs/invocation-lines.js";
import type { Lines } from "../inputs/lines.js";

/** The calls of one function in order of their starts, counted from the first call of all. */
export interface FunctionCalls {
  /** `app/func`. */
  readonly name: string;
  readonly startsMs: Float64Array;
  readonly endsMs: Float64Array;
}

/** Lines without a usable call. */
export interface SkippedLines {
  readonly reason: string;
  readonly lines: number;
  readonly firstLine: number;
}

export interface FunctionTrace {
  readonly functions: readonly FunctionCalls[];
  readonly calls: number;
  /** From the first start to the last end. */
  readonly lengthMs: number;
  readonly skipped: readonly SkippedLines[];
}

/** Each takes 36 bytes. */
const maxCalls = 20_000_000;
const firstCapacity = 1_024;

/** As readInvocations, but keeps fractions of milliseconds: calls often follow one another. */
export async function readFunctionTrace(lines: Lines): Promise<FunctionTrace> {
  const skipped = new Map<string, { reason: string; lines: number; firstLine: number }>();
  const skip = (reason: string, line: number) => {
    const known = skipped.get(reason) ?? { reason, lines: 0, firstLine: line };
    skipped.set(reason, { ...known, lines: known.lines + 1 });
  };
  const columns = new Columns();
  for await (const { app, func, endSeconds, durationSeconds } of invocationLines(lines, skip)) {
    if (columns.length >= maxCalls) throw tooManyCalls(maxCalls);
    columns.add(`${app}/${func}`, endSeconds, durationSeconds);
  }
  if (columns.length === 0) throw emptyTrace();
  return { ...columns.byFunction(), skipped: [...skipped.values()] };
}

/** The calls as columns of numbers, which take a tenth of the memory of objects. */
class Columns {
  length = 0;
  private readonly names = new Map<string, number>();
  private readonly perFunction: number[] = [];
  private functionAt = new Uint32Array(firstCapacity);
  private endSeconds = new Float64Array(firstCapacity);
  private durationSeconds = new Float64Array(firstCapacity);

  add(name: string, endSeconds: number, durationSeconds: number): void {
    if (this.length === this.functionAt.length) this.grow();
    let index = this.names.get(name);
    if (index === undefined) {
      index = this.names.size;
      this.names.set(name, index);
      this.perFunction.push(0);
    }
    this.perFunction[index]! += 1;
    this.functionAt[this.length] = index;
    this.endSeconds[this.length] = endSeconds;
    this.durationSeconds[this.length] = durationSeconds;
    this.length++;
  }

  private grow(): void {
    const capacity = 2 * this.length;
    const longer = <Column extends Uint32Array | Float64Array>(to: Column, from: Column) => {
      to.set(from);
      return to;
    };
    this.functionAt = longer(new Uint32Array(capacity), this.functionAt);
    this.endSeconds = longer(new Float64Array(capacity), this.endSeconds);
    this.durationSeconds = longer(new Float64Array(capacity), this.durationSeconds);
  }

  byFunction(): Omit<FunctionTrace, "skipped"> {
    const order = this.perFunction.map((calls) => new Uint32Array(calls));
    const filled = new Uint32Array(order.length);
    let first = Number.POSITIVE_INFINITY;
    let last = Number.NEGATIVE_INFINITY;
    for (let at = 0; at < this.length; at++) {
      const index = this.functionAt[at]!;
      order[index]![filled[index]!++] = at;
      first = Math.min(first, this.startOf(at));
      last = Math.max(last, this.endSeconds[at]!);
    }
    const functions = [...this.names].map(([name, index]) => {
      const calls = order[index]!.sort((a, b) => this.startOf(a) - this.startOf(b) || a - b);
      const startsMs = Float64Array.from(calls, (at) => (this.startOf(at) - first) * 1_000);
      const endsMs = Float64Array.from(calls, (at) => (this.endSeconds[at]! - first) * 1_000);
      return { name, startsMs, endsMs };
    });
    return { functions, calls: this.length, lengthMs: (last - first) * 1_000 };
  }

  private startOf(at: number): number {
    return this.endSeconds[at]! - this.durationSeconds[at]!;
  }
}
