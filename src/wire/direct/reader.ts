// Cuts what a peer of the direct path sends into whole frames. It copies a payload at most once: a
// short frame is handed on where it was read to, and the rest of a long payload is read to where it
// stays.

import { FrameError, FrameFormat, headerBytes } from "../worker/framing.js";
import { type DirectType, directRules } from "./frame.js";

const format = new FrameFormat<DirectType>(directRules);
const empty = Buffer.alloc(0);

/** A frame that arrived: valid while its taker runs, and a payload that `isOwn` after it too. */
export class ReceivedFrame {
  type: DirectType = "bye";
  id = 0;
  isOwn = false;
  /** The metadata begins at metadataAt and ends where the payload begins. */
  bytes: Buffer = empty;
  metadataAt = 0;
  payloadAt = 0;
  end = 0;
  /** The payload, if it was read to memory of its own. */
  private apart: Buffer | null = null;

  get metadata(): Buffer {
    return this.bytes.subarray(this.metadataAt, this.payloadAt);
  }

  get payload(): Buffer {
    return this.apart ?? this.bytes.subarray(this.payloadAt, this.end);
  }

  get payloadBytes(): number {
    return this.apart?.length ?? this.end - this.payloadAt;
  }

  set(type: DirectType, id: number, bytes: Buffer, metadataAt: number, payloadAt: number): void {
    this.type = type;
    this.id = id;
    this.bytes = bytes;
    this.metadataAt = metadataAt;
    this.payloadAt = payloadAt;
  }

  endAt(end: number, apart: Buffer | null): void {
    this.end = end;
    this.apart = apart;
    this.isOwn = apart !== null;
  }
}

interface Gathered {
  readonly type: DirectType;
  readonly id: number;
  readonly metadata: Buffer;
  readonly payload: Buffer;
  filled: number;
}

const scratchBytes = 256 * 1024;
/** What connections read to: what is in it is taken at once. */
const scratch = Buffer.allocUnsafeSlow(scratchBytes);
/** After a long payload another one is likely: no more of it than this is read, and copied. */
const shortScratch = scratch.subarray(0, 4_096);
const longBytes = 32 * 1024;

/**
 * glibc gives freed memory back above a limit of 128 KiB, and the kernel clears each page of the
 * next payload: half of the time of a call with 5 MiB. When a block is freed that has pages of its
 * own, the limit becomes twice its size (mallopt(3), M_MMAP_THRESHOLD), at most 64 MiB. So the
 * first long payload frees one. Nobody writes to it, so that it takes no memory.
 */
const freedOnceBytes = 31 * 1024 * 1024;
const longestKeptBytes = 128 * 1024;
let hasFreed = false;

function payloadOf(bytes: number): Buffer {
  if (bytes > longestKeptBytes && !hasFreed) {
    hasFreed = true;
    Buffer.allocUnsafeSlow(freedOnceBytes);
  }
  return Buffer.allocUnsafeSlow(bytes);
}

export class DirectReader {
  /** The beginning of a frame whose header and metadata have not arrived. */
  private kept = empty;
  private gathered: Gathered | null = null;
  private expectsLong = false;
  private readonly frame = new ReceivedFrame();

  /** `limitBytes`: of a frame's body, beside the limits of its type. */
  constructor(
    private readonly take: (frame: ReceivedFrame) => void,
    public limitBytes = Number.POSITIVE_INFINITY,
  ) {}

  /** Where the next bytes may be read to. */
  space(): Buffer {
    if (this.gathered !== null) return this.gathered.payload.subarray(this.gathered.filled);
    return this.expectsLong ? shortScratch : scratch;
  }

  /** So many bytes were read into what space() gave; throws FrameError as push() does. */
  arrived(bytes: number, space: Buffer): void {
    if (space === scratch || space === shortScratch) this.parse(space, 0, bytes);
    else this.fill(bytes);
  }

  /** Throws FrameError, after which the reader must not be used. */
  push(piece: Buffer): void {
    const taken = this.gathered === null ? 0 : this.gather(piece, 0, piece.length);
    this.parse(piece, taken, piece.length);
  }

  private parse(bytes: Buffer, from: number, to: number): void {
    if (from === to) return;
    if (this.kept.length === 0) {
      this.cut(bytes, from, to);
      return;
    }
    const whole = Buffer.concat([this.kept, bytes.subarray(from, to)]);
    this.kept = empty;
    this.cut(whole, 0, whole.length);
  }

  private cut(bytes: Buffer, from: number, to: number): void {
    const { frame } = this;
    let at = from;
    while (to - at >= headerBytes) {
      const { type, id, metadataBytes, payloadBytes } = format.checkHeader(bytes, at);
      if (metadataBytes + payloadBytes > this.limitBytes)
        throw new FrameError("OVERSIZED", `a frame of type ${type} is too long for now`);
      const metadataAt = at + headerBytes;
      const payloadAt = metadataAt + metadataBytes;
      if (payloadAt > to) break;
      at = payloadAt + payloadBytes;
      if (at > to) {
        const metadata = Buffer.from(bytes.subarray(metadataAt, payloadAt));
        const payload = payloadOf(payloadBytes);
        this.gathered = { type, id, metadata, payload, filled: 0 };
        at = this.gather(bytes, payloadAt, to);
        continue;
      }
      this.expectsLong = payloadBytes > longBytes;
      frame.set(type, id, bytes, metadataAt, payloadAt);
      frame.endAt(at, null);
      this.take(frame);
    }
    if (at < to) this.kept = Buffer.from(bytes.subarray(at, to));
  }

  /** Returns where the payload's part of the piece ends. */
  private gather(piece: Buffer, at: number, to: number): number {
    const { payload, filled } = this.gathered!;
    const bytes = Math.min(to - at, payload.length - filled);
    piece.copy(payload, filled, at, at + bytes);
    this.fill(bytes);
    return at + bytes;
  }

  private fill(bytes: number): void {
    const gathered = this.gathered!;
    gathered.filled += bytes;
    if (gathered.filled < gathered.payload.length) return;
    const { type, id, metadata, payload } = gathered;
    this.gathered = null;
    this.expectsLong = payload.length > longBytes;
    this.frame.set(type, id, metadata, 0, metadata.length);
    this.frame.endAt(metadata.length, payload);
    this.take(this.frame);
    this.frame.endAt(metadata.length, null);
  }
}
