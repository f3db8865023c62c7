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
 * Cuts a stream into frames. The limit is looked at before anything is kept of a frame, and what is kept is the frame
 * alone, however small the pieces it comes in; the limit is raised once the peer has proven who it is.
 */
export class FrameReader {
  /** What has arrived and was not looked at. */
  private readonly arrived: Buffer[] = [];
  private target = Buffer.allocUnsafe(headerBytes);
  private filled = 0;
  private isHeader = true;

  constructor(public maxBytes: number) {}

  push(piece: Buffer): void {
    this.arrived.push(piece);
  }

  /** The next whole frame's content, or null until more arrives; throws PROTOCOL at a frame over the limit. */
  next(): Buffer | null {
    while (this.fill()) {
      const whole = this.target;
      this.isHeader = !this.isHeader;
      this.target = Buffer.allocUnsafe(this.isHeader ? headerBytes : this.lengthIn(whole));
      this.filled = 0;
      if (this.isHeader) return whole;
    }
    return null;
  }

  private lengthIn(header: Buffer): number {
    const length = header.readUInt32BE();
    if (length > this.maxBytes)
      throw new GleanerError(
        "PROTOCOL",
        `the peer announced a frame of ${length} bytes, ${this.maxBytes} are allowed`,
      );
    return length;
  }

  /** Whether header or content is whole now. */
  private fill(): boolean {
    while (this.filled < this.target.length) {
      const piece = this.arrived.shift();
      if (piece === undefined) return false;
      const copied = piece.copy(this.target, this.filled);
      this.filled += copied;
      if (copied < piece.length) this.arrived.unshift(piece.subarray(copied));
    }
    return true;
  }
}
