// What a parent printed while it started for a worker. If it fails, the worker starts by itself,
// and of what it prints only that counts which differs: a setup that ran twice is in the log once.

import type { PrintSource } from "../standby/parent-parts.js";

/** As much as a log keeps. */
const maxNotedBytes = 64 * 1024;
const newline = 0x0a;

export class FirstStart {
  private hasFailed = false;
  private hasEnded = false;
  private readonly sources = { output: new Repetition(), report: new Repetition() };

  note(bytes: Buffer, source: PrintSource): void {
    if (!this.hasFailed) this.sources[source].note(bytes);
  }

  /** The second start begins. */
  failed(): void {
    this.hasFailed = true;
  }

  /** What is printed from now on belongs to calls. */
  end(): void {
    this.hasEnded = true;
  }

  /** What of the second start's `bytes` the first one did not print; maybe nothing. */
  newOf(bytes: Buffer, source: PrintSource): Buffer {
    return this.hasFailed && !this.hasEnded ? this.sources[source].newOf(bytes) : bytes;
  }
}

class Repetition {
  private first = Buffer.alloc(0);
  /** null once it differs. */
  private again: Buffer | null = Buffer.alloc(0);

  note(bytes: Buffer): void {
    if (this.first.length < maxNotedBytes)
      this.first = Buffer.concat([this.first, bytes]).subarray(0, maxNotedBytes);
  }

  newOf(bytes: Buffer): Buffer {
    if (this.again === null) return bytes;
    const all = Buffer.concat([this.again, bytes]);
    const same = sameBytes(this.first, all);
    this.again = same === all.length ? all : null;
    if (this.again !== null) return Buffer.alloc(0);
    return all.subarray(same === this.first.length ? same : beginOfLine(all, same));
  }
}

function sameBytes(one: Buffer, other: Buffer): number {
  const most = Math.min(one.length, other.length);
  for (let at = 0; at < most; at++) if (one[at] !== other[at]) return at;
  return most;
}

/** A line that differs is shown as a whole. */
const beginOfLine = (text: Buffer, at: number): number =>
  at === 0 ? 0 : text.lastIndexOf(newline, at - 1) + 1;
