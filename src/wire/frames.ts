// Frames on a byte stream: a u32 length (big-endian), then that many bytes; read in pieces and
// never beyond a limit.

import { GleanerError } from "../model/errors.js";

const headerBytes = 4;

/** A frame ready to be written. */
export const frame = (content: Uint8Array): Buffer => frameOf([content]);

/** What stands before the content of a frame. */
export function frameHeader(bytes: number): Buffer {
  const header = Buffer.allocUnsafe(headerBytes);
  header.writeUInt32BE(bytes);
  return header;
}

/** A frame of several parts. */
export function frameOf(parts: readonly Uint8Array[]): Buffer {
  const header = frameHeader(parts.reduce((sum, part) => sum + part.length, 0));
  return Buffer.concat([header, ...parts]);
}

/**
 * Cuts a stream into frames. Checks the limit before it stores any part of a frame, and stores only
 * the frame itself, however small the pieces in which it arrives; the limit rises once the peer has
 * proven its identity.
 */
export class FrameReader {
  /** Data that arrived and has not been processed. */
  private readonly arrived: Buffer[] = [];
  private target = Buffer.allocUnsafe(headerBytes);
  private filled = 0;
  private isHeader = true;
  /** Bytes of a frame that is ignored. */
  private unwantedBytes = 0;

  constructor(public maxBytes: number) {}

  push(piece: Buffer): void {
    this.arrived.push(piece);
  }

  /**
   * The content of the next whole frame, or null until more arrives; throws PROTOCOL for a frame
   * over the limit.
   */
  next(): Buffer | null {
    while (this.passOver() && this.fill()) {
      const whole = this.target;
      this.isHeader = !this.isHeader;
      this.target = Buffer.allocUnsafe(this.isHeader ? headerBytes : this.lengthIn(whole));
      this.filled = 0;
      if (this.isHeader) return whole;
    }
    return null;
  }

  /** Ignores the next frame, which has a content of `bytes` bytes. */
  skip(bytes: number): void {
    this.unwantedBytes = headerBytes + bytes;
  }

  private passOver(): boolean {
    while (this.unwantedBytes > 0) {
      const piece = this.arrived.shift();
      if (piece === undefined) return false;
      const passed = Math.min(this.unwantedBytes, piece.length);
      this.unwantedBytes -= passed;
      if (passed < piece.length) this.arrived.unshift(piece.subarray(passed));
    }
    return true;
  }

  private lengthIn(header: Buffer): number {
    const length = header.readUInt32BE();
    if (length > this.maxBytes)
      throw new GleanerError(
        "PROTOCOL",
        `the peer announced a frame of ${length} bytes; the limit is ${this.maxBytes}`,
      );
    return length;
  }

  /** Whether the header or content is complete. */
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
