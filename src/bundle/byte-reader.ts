// Reads a stream of chunks by numbers of bytes, without ever holding more than one chunk.

import type { GleanerError } from "../model/errors.js";

export class ByteReader {
  private readonly chunks: AsyncIterator<Uint8Array>;
  private current: Buffer = Buffer.alloc(0);
  private read = 0;
  /** What is left of the content that was begun last. */
  private left = 0;

  /** Reads at most `most` bytes; `malformed` makes the error for too few and too many. */
  constructor(
    chunks: AsyncIterable<Uint8Array>,
    private readonly most: number,
    private readonly malformed: (why: string) => GleanerError,
  ) {
    this.chunks = chunks[Symbol.asyncIterator]();
  }

  /** Exactly this number of bytes, in one buffer of their own: only for small numbers. */
  async take(bytes: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let missing = bytes; missing > 0; missing -= parts.at(-1)!.length)
      parts.push(await this.upTo(missing));
    return Buffer.concat(parts);
  }

  /** The next `bytes` bytes in pieces; iterated again, it continues where it stopped. */
  begin(bytes: number): AsyncIterable<Buffer> {
    this.left = bytes;
    const next = async (): Promise<IteratorResult<Buffer>> => {
      if (this.left === 0) return { done: true, value: undefined };
      const value = await this.upTo(this.left);
      this.left -= value.length;
      return { done: false, value };
    };
    return { [Symbol.asyncIterator]: () => ({ next }) };
  }

  async isAtEnd(): Promise<boolean> {
    while (this.current.length === 0) if (!(await this.fill())) return true;
    return false;
  }

  /** Lets the source close what it reads from. */
  async close(): Promise<void> {
    await this.chunks.return?.();
  }

  private async upTo(bytes: number): Promise<Buffer> {
    if (await this.isAtEnd()) throw this.malformed("it ends too early");
    const piece = this.current.subarray(0, bytes);
    this.current = this.current.subarray(piece.length);
    return piece;
  }

  private async fill(): Promise<boolean> {
    const { done, value } = await this.chunks.next();
    if (done) return false;
    this.read += value.length;
    if (this.read > this.most) throw this.malformed(`it is larger than ${this.most} bytes`);
    this.current = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return true;
  }
}
