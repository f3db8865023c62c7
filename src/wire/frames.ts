// Frames on a byte stream: u32 length (big-endian), then that many bytes; read piece by piece, never more than a limit.

import { GleanerError } from "../model/errors.js";

const headerBytes = 4;

/** A frame ready to be written. */
export function frame(...parts: readonly Uint8Array[]): Buffer {
  const header = Buffer.allocUnsafe(headerBytes);
  header.writeUInt32BE(parts.reduce((sum, part) => sum + part.length, 0));
  return Buffer.concat([header, ...parts]);
}

/**
 * Cuts a stream into frames. The limit is looked at before anything is kept of a frame, so a hostile length costs
 * nothing; it is raised once the peer has proven who it is.
 */
export class FrameReader {
  #pieces: Buffer[] = [];
  #bytes = 0;

  constructor(public maxBytes: number) {}

  push(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
  }

  /** The next whole frame's content, or null until more arrives; throws PROTOCOL at a frame over the limit. */
  next(): Buffer | null {
    if (this.#bytes < headerBytes) return null;
    const length = this.#peekLength();
    if (length > this.maxBytes)
      throw new GleanerError(
        "PROTOCOL",
        `the peer announced a frame of ${length} bytes, ${this.maxBytes} are allowed`,
      );
    if (this.#bytes < headerBytes + length) return null;
    this.#take(headerBytes);
    return this.#take(length);
  }

  #peekLength(): number {
    const first = this.#pieces[0]!;
    if (first.length >= headerBytes) return first.readUInt32BE();
    const joined = Buffer.concat(this.#pieces);
    this.#pieces = [joined];
    return joined.readUInt32BE();
  }

  #take(count: number): Buffer {
    const taken: Buffer[] = [];
    let missing = count;
    while (missing > 0) {
      const first = this.#pieces[0]!;
      if (first.length <= missing) {
        taken.push(first);
        this.#pieces.shift();
        missing -= first.length;
      } else {
        taken.push(first.subarray(0, missing));
        this.#pieces[0] = first.subarray(missing);
        missing = 0;
      }
    }
    this.#bytes -= count;
    return taken.length === 1 ? taken[0]! : Buffer.concat(taken);
  }
}
