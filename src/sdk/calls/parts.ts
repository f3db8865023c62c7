// Cuts the inputs of a map into parts, each the body of one request, and reads no further than it
// may. A part is sent while its inputs are read, and is kept meanwhile to be sent again.

import { GleanerError } from "../../model/errors.js";
import { FrameReader } from "../../wire/api/input-frames.js";
import type { Inputs } from "./payloads.js";

export interface Reading {
  /** The most inputs of one part now. */
  readonly most: () => number;
  /** null if a further input may be read, else what to wait for. */
  readonly room: () => Promise<void> | null;
  /** A part ends if its source gives no input for this time. */
  readonly patienceMs: number;
  /** Ends the reading. */
  readonly signal: AbortSignal;
  /** An input that cannot be sent. */
  readonly refused: (index: number, error: GleanerError) => void;
  /** The input as a frame; a large one is sent first. */
  readonly framed: (input: unknown) => Buffer | Promise<Buffer>;
}

/** gleanerd takes no more in one request. */
export const maxPartInputs = 1_000_000;
/** One write to the connection. */
const chunkBytes = 64 * 1024;
/** A larger part cannot be sent again. */
const maxKeptBytes = 128 * 1024 * 1024;

/** Inputs with consecutive numbers, except for those that were refused. */
export class Part {
  count = 0;
  /** Why reading failed; the source's own error. */
  failure: { readonly reason: unknown } | null = null;
  /** Whether all of it is known. */
  isRead = false;
  /** Whether open() can be called again. */
  canRepeat = true;
  /** The counts at which an input was refused. */
  private readonly gaps: number[] = [];
  private kept: Buffer[] = [];
  private keptBytes = 0;
  /** Chunks that are not kept any more. */
  private dropped = 0;
  private reading: Promise<void> | null = null;

  constructor(
    /** The number of its first input. */
    readonly first: number,
    private readonly rest: AsyncIterator<Buffer>,
  ) {}

  /** All of it, from the beginning; an earlier reader, whose connection broke, may still wait. */
  async *open(): AsyncGenerator<Buffer> {
    for (let at = 0; ; at++) {
      while (at - this.dropped >= this.kept.length) {
        if (this.isRead) return;
        this.reading ??= this.readOn();
        await this.reading;
      }
      yield this.kept[at - this.dropped]!;
    }
  }

  refusedOne(): void {
    this.gaps.push(this.count);
  }

  indexOf(task: number): number {
    let skipped = 0;
    while (skipped < this.gaps.length && this.gaps[skipped]! <= task) skipped++;
    return this.first + task + skipped;
  }

  /** Two parts with half of the inputs each; null if there are not two. */
  async halves(): Promise<[Part, Part] | null> {
    const chunks: Buffer[] = [];
    for await (const chunk of this.open()) chunks.push(chunk);
    const frames = new FrameReader().take(Buffer.concat(chunks));
    if (frames.length < 2) return null;
    const middle = Math.ceil(frames.length / 2);
    return [this.cut(frames, 0, middle), this.cut(frames, middle, frames.length)];
  }

  private cut(frames: readonly Buffer[], from: number, to: number): Part {
    const part = new Part(this.indexOf(from), chunksOf(frames.slice(from, to)));
    part.count = to - from;
    for (const gap of this.gaps) if (gap > from && gap <= to) part.gaps.push(gap - from);
    return part;
  }

  private async readOn(): Promise<void> {
    try {
      const { done, value } = await this.rest.next();
      if (done) this.isRead = true;
      else this.keep(value);
    } finally {
      this.reading = null;
    }
  }

  private keep(chunk: Buffer): void {
    this.keptBytes += chunk.length;
    if (this.keptBytes > maxKeptBytes) {
      this.canRepeat = false;
      this.dropped += this.kept.length;
      this.kept = [];
    }
    this.kept.push(chunk);
  }
}

async function* chunksOf(frames: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield Buffer.concat(frames);
}

/** Each part is read before the next one. Ends a source that is not read to its end. */
export async function* partsOf(inputs: Inputs, reading: Reading): AsyncGenerator<Part> {
  const reader = new PartReader(inputs, reading);
  try {
    while (await reader.hasMore()) yield reader.part();
  } finally {
    reader.stop();
  }
}

class PartReader {
  private readonly isAsync: boolean;
  private readonly source: AsyncIterator<unknown> | Iterator<unknown>;
  private next: Promise<IteratorResult<unknown>> | null = null;
  private index = 0;
  private isOver = false;
  private patience: NodeJS.Timeout | null = null;
  private giveUp = (): void => undefined;

  constructor(
    inputs: Inputs,
    private readonly reading: Reading,
  ) {
    reading.signal.addEventListener("abort", () => this.giveUp());
    // A string is iterable, too, and has no `in`.
    const later = (inputs as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator];
    this.isAsync = later !== undefined;
    this.source = later?.call(inputs) ?? (inputs as Iterable<unknown>)[Symbol.iterator]();
  }

  /** Waits for the next input, which may be the end. */
  async hasMore(): Promise<boolean> {
    if (this.isOver || !(await this.begins(true))) return false;
    const { done } = await this.next!;
    this.isOver = done === true;
    return !this.isOver;
  }

  part(): Part {
    const part: Part = new Part(
      this.index,
      this.chunks(() => part),
    );
    return part;
  }

  stop(): void {
    if (this.patience !== null) clearTimeout(this.patience);
    // A source that is being read answers this only later.
    if (!this.isOver) void Promise.resolve(this.source.return?.()).catch(() => undefined);
  }

  private async *chunks(partOf: () => Part): AsyncGenerator<Buffer> {
    const part = partOf();
    let frames: Buffer[] = [];
    let bytes = 0;
    try {
      while (await this.mayGoOn(part)) {
        const { done, value } = await this.next!;
        this.next = null;
        if (done) {
          this.isOver = true;
          break;
        }
        const frame = await this.frameOf(part, value);
        if (frame === null) continue;
        frames.push(frame);
        part.count++;
        bytes += frame.length;
        if (bytes < chunkBytes) continue;
        yield Buffer.concat(frames);
        [frames, bytes] = [[], 0];
      }
    } catch (reason) {
      // The request breaks off: nothing of it is accepted.
      this.isOver = true;
      part.failure = { reason };
      throw reason;
    }
    if (frames.length > 0) yield Buffer.concat(frames);
  }

  /** Whether a further input belongs to the part; then it is `next`. */
  private async mayGoOn(part: Part): Promise<boolean> {
    const { most, signal } = this.reading;
    signal.throwIfAborted();
    if (part.count >= most() || !(await this.begins(part.count === 0))) return false;
    if (!this.isAsync || part.count === 0) return true;
    return this.comesSoon(this.next!);
  }

  /** Begins to read the next input; false if there is no room, and nobody waits for it. */
  private async begins(waits: boolean): Promise<boolean> {
    while (this.next === null) {
      if (this.reading.signal.aborted) return false;
      const room = this.reading.room();
      if (room === null) this.next = Promise.resolve(this.source.next());
      else if (!waits) return false;
      else await room;
    }
    return true;
  }

  /** One timer for all inputs: a source may give a million of them within seconds. */
  private comesSoon(next: Promise<unknown>): Promise<boolean> {
    return new Promise((resolve) => {
      this.giveUp = () => resolve(false);
      // An error of the source is handled where its input is taken.
      const came = () => resolve(true);
      next.then(came, came);
      this.patience ??= setTimeout(() => this.giveUp(), this.reading.patienceMs);
      this.patience.refresh();
    });
  }

  private async frameOf(part: Part, input: unknown): Promise<Buffer | null> {
    const index = this.index++;
    try {
      return await this.reading.framed(input);
    } catch (error) {
      const isInput =
        error instanceof GleanerError && ["BAD_REQUEST", "LIMIT_REACHED"].includes(error.code);
      if (!isInput) throw error;
      this.reading.refused(index, error);
      part.refusedOne();
      return null;
    }
  }
}
