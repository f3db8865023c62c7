// Cuts what a peer of the direct path sends into whole frames. It copies a payload at most once: a
// frame that arrived in one piece is handed on where it lies, and a longer one is gathered in a
// buffer of its size.

import { FrameError, FrameFormat, headerBytes } from "../worker/framing.js";
import { type DirectType, directRules } from "./frame.js";

const format = new FrameFormat<DirectType>(directRules);
const empty = Buffer.alloc(0);

/**
 * Takes a frame. Metadata and payload are valid during the call, and a payload that `isOwn` after
 * it too.
 */
export type TakeFrame = (
  type: DirectType,
  id: number,
  metadata: Buffer,
  payload: Buffer,
  isOwn: boolean,
) => void;

interface Gathered {
  readonly type: DirectType;
  readonly id: number;
  readonly metadata: Buffer;
  readonly payload: Buffer;
  filled: number;
}

export class DirectReader {
  /** The beginning of a frame whose header and metadata have not arrived. */
  private kept = empty;
  private gathered: Gathered | null = null;

  /** `limitBytes`: of a frame's body, beside the limits of its type. */
  constructor(
    private readonly take: TakeFrame,
    public limitBytes = Number.POSITIVE_INFINITY,
  ) {}

  /** Where the rest of a payload may be read to; null if none is being gathered. */
  space(): Buffer | null {
    return this.gathered === null ? null : this.gathered.payload.subarray(this.gathered.filled);
  }

  /** So many bytes were read into space(). */
  filled(bytes: number): void {
    const { gathered } = this;
    gathered!.filled += bytes;
    if (gathered!.filled === gathered!.payload.length) this.hand();
  }

  /** Throws FrameError, after which the reader must not be used. */
  push(piece: Buffer): void {
    const taken = this.gathered === null ? 0 : this.gather(piece, 0);
    const whole = this.kept.length === 0 ? piece : Buffer.concat([this.kept, piece]);
    this.kept = empty;
    this.cut(whole, taken);
  }

  private cut(whole: Buffer, from: number): void {
    let at = from;
    while (whole.length - at >= headerBytes) {
      const { type, id, metadataBytes, payloadBytes } = format.checkHeader(whole.subarray(at));
      if (metadataBytes + payloadBytes > this.limitBytes)
        throw new FrameError("OVERSIZED", `a frame of type ${type} is too long for now`);
      const payloadAt = at + headerBytes + metadataBytes;
      if (payloadAt > whole.length) break;
      const metadata = whole.subarray(at + headerBytes, payloadAt);
      const end = payloadAt + payloadBytes;
      if (end <= whole.length) {
        at = end;
        this.take(type, id, metadata, whole.subarray(payloadAt, end), false);
        continue;
      }
      const payload = Buffer.allocUnsafeSlow(payloadBytes);
      this.gathered = { type, id, metadata: Buffer.from(metadata), payload, filled: 0 };
      at = this.gather(whole, payloadAt);
    }
    if (at < whole.length) this.kept = Buffer.from(whole.subarray(at));
  }

  /** Returns where the payload's part of the piece ends. */
  private gather(piece: Buffer, at: number): number {
    const { payload, filled } = this.gathered!;
    const bytes = Math.min(piece.length - at, payload.length - filled);
    piece.copy(payload, filled, at, at + bytes);
    this.filled(bytes);
    return at + bytes;
  }

  private hand(): void {
    const { type, id, metadata, payload } = this.gathered!;
    this.gathered = null;
    this.take(type, id, metadata, payload, true);
  }
}
