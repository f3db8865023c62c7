// Frames on a byte stream, as the worker protocol and the direct path have them: a header of 16
// bytes, then metadata, then a payload. A decoder cuts a stream into them and hands the payload on
// as it arrives; a table says which types there are and what each may have.

export const headerBytes = 16;

/** What the frames of one type may have. */
export interface FrameRule {
  readonly number: number;
  readonly metadataBytes: number;
  readonly payloadBytes: number;
  /** Whether it names a call, counted from 1 on its connection. */
  readonly id: "none" | "some" | "either";
}

/** A frame of fields alone. */
export const fieldsRule = (
  number: number,
  id: FrameRule["id"],
  payloadBytes: number,
): FrameRule => ({ number, metadataBytes: 0, payloadBytes, id });

export type FrameRules<Type extends string> = Readonly<Record<Type, FrameRule>>;

export interface FrameHead<Type extends string = string> {
  readonly type: Type;
  /** The call on this connection, counted from 1; 0 in a frame that belongs to no call. */
  readonly id: number;
  readonly metadata: Buffer;
  readonly payloadBytes: number;
}

export interface Frame<Type extends string = string> extends FrameHead<Type> {
  readonly payload: Buffer;
}

export type FrameFault = "GARBAGE" | "OVERSIZED";

/** Bytes that are no frame, or one over its limit. */
export class FrameError extends Error {
  override readonly name = "FrameError";
  constructor(
    readonly code: FrameFault,
    message: string,
  ) {
    super(message);
  }
}

const empty = Buffer.alloc(0);
const wordBase = 2 ** 32;

interface CheckedHeader<Type extends string> {
  readonly type: Type;
  readonly id: number;
  readonly metadataBytes: number;
  readonly payloadBytes: number;
}

/** The frames of one protocol. */
export class FrameFormat<Type extends string> {
  /** By their numbers. */
  private readonly names: (Type | undefined)[] = [];

  constructor(private readonly rules: FrameRules<Type>) {
    for (const type of Object.keys(rules) as Type[]) this.names[rules[type].number] = type;
  }

  /** The header and metadata of a frame whose payload follows on the stream. */
  encodeHead(type: Type, id: number, metadata: Uint8Array, payloadBytes: number): Buffer {
    const head = Buffer.allocUnsafe(headerBytes + metadata.length);
    head.writeUInt32LE(metadata.length + payloadBytes, 0);
    head.writeUInt8(this.rules[type].number, 4);
    head.writeUInt8(0, 5);
    head.writeUInt16LE(metadata.length, 6);
    head.writeUInt32LE(id % wordBase, 8);
    head.writeUInt32LE(Math.floor(id / wordBase), 12);
    head.set(metadata, headerBytes);
    return head;
  }

  /** A whole frame without metadata. */
  encodeFrame(type: Type, id: number, payload: Uint8Array = empty): Buffer {
    return Buffer.concat([this.encodeHead(type, id, empty, payload.length), payload]);
  }

  /** Reads 16 bytes; throws FrameError. */
  checkHeader(bytes: Buffer, at = 0): CheckedHeader<Type> {
    const number = bytes.readUInt8(at + 4);
    const type = this.names[number];
    if (type === undefined) throw new FrameError("GARBAGE", `there is no frame of type ${number}`);
    const rule = this.rules[type];
    if (bytes.readUInt8(at + 5) !== 0)
      throw new FrameError("GARBAGE", `a frame of type ${type} has unknown flags`);
    const metadataBytes = bytes.readUInt16LE(at + 6);
    const payloadBytes = bytes.readUInt32LE(at) - metadataBytes;
    if (payloadBytes < 0)
      throw new FrameError("GARBAGE", `a frame of type ${type} has more metadata than body`);
    if (metadataBytes > rule.metadataBytes)
      throw oversized(type, "metadata", metadataBytes, rule.metadataBytes);
    if (payloadBytes > rule.payloadBytes)
      throw oversized(type, "payload", payloadBytes, rule.payloadBytes);
    const id = bytes.readUInt32LE(at + 8) + bytes.readUInt32LE(at + 12) * wordBase;
    if (
      !Number.isSafeInteger(id) ||
      (rule.id === "none" && id > 0) ||
      (rule.id === "some" && id === 0)
    )
      throw new FrameError("GARBAGE", `a frame of type ${type} has an invalid call id`);
    return { type, id, metadataBytes, payloadBytes };
  }
}

/** What a decoder calls for each frame, in this order; `onPayload` as often as bytes arrive. */
export interface FrameSink<Type extends string> {
  onHead(head: FrameHead<Type>): void;
  onPayload(piece: Buffer): void;
  onEnd(): void;
}

/**
 * Cuts a stream into frames. Stores nothing but an unfinished head, so a peer that announces a
 * large frame costs nothing until its bytes arrive.
 */
export class FrameCutter<Type extends string> {
  /** The part of a head that has arrived. */
  private partial = empty;
  /** null between frames. */
  private payloadLeft: number | null = null;

  constructor(
    private readonly format: FrameFormat<Type>,
    private readonly sink: FrameSink<Type>,
  ) {}

  /** Throws FrameError, after which the decoder must not be used. */
  push(piece: Buffer): void {
    let rest = piece;
    while (rest.length > 0)
      rest = this.payloadLeft === null ? this.takeHead(rest) : this.takePayload(rest);
  }

  /** Whether the stream may end here. */
  get isBetweenFrames(): boolean {
    return this.partial.length === 0 && this.payloadLeft === null;
  }

  private takeHead(piece: Buffer): Buffer {
    const bytes = this.partial.length === 0 ? piece : Buffer.concat([this.partial, piece]);
    const headLength =
      bytes.length < headerBytes
        ? headerBytes
        : headerBytes + this.format.checkHeader(bytes).metadataBytes;
    if (bytes.length < headLength) {
      // A copy, so that a few bytes do not keep the whole piece in memory.
      this.partial = Buffer.from(bytes);
      return empty;
    }
    this.partial = empty;
    const { type, id, payloadBytes } = this.format.checkHeader(bytes);
    const metadata = bytes.subarray(headerBytes, headLength);
    this.sink.onHead({ type, id, metadata, payloadBytes });
    if (payloadBytes === 0) this.sink.onEnd();
    else this.payloadLeft = payloadBytes;
    return bytes.subarray(headLength);
  }

  private takePayload(piece: Buffer): Buffer {
    const left = this.payloadLeft!;
    const taken = Math.min(left, piece.length);
    this.payloadLeft = taken === left ? null : left - taken;
    this.sink.onPayload(piece.subarray(0, taken));
    if (taken === left) this.sink.onEnd();
    return piece.subarray(taken);
  }
}

const oversized = (type: string, part: string, bytes: number, limit: number) =>
  new FrameError(
    "OVERSIZED",
    `a frame of type ${type} has ${bytes} bytes of ${part}; the limit is ${limit}`,
  );

/** Hands on whole frames: for a peer that is trusted with as much memory as its frames need. */
export function wholeFrames<Type extends string>(
  onFrame: (frame: Frame<Type>) => void,
): FrameSink<Type> {
  let head: FrameHead<Type> | null = null;
  let pieces: Buffer[] = [];
  return {
    onHead: (started) => {
      head = started;
    },
    onPayload: (piece) => void pieces.push(piece),
    onEnd: () => {
      const payload = join(pieces);
      pieces = [];
      onFrame({ ...head!, payload });
    },
  };
}

/** Without a copy if there is only one piece. */
export const join = (pieces: readonly Buffer[]): Buffer =>
  pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
