// Frames of the worker protocol: a header of 16 bytes, then metadata, then a payload. A decoder
// cuts a stream into them and hands the payload on as it arrives.

import { maxFieldsBytes, maxLogPieceBytes, maxMetadataBytes, maxPayloadBytes } from "./limits.js";

export const headerBytes = 16;

export const frameTypes = {
  hello: 1,
  load: 2,
  loaded: 3,
  loadFailed: 4,
  call: 5,
  cancel: 6,
  result: 7,
  error: 8,
  log: 9,
  bye: 10,
  fork: 11,
  forked: 12,
  forkFailed: 13,
  childEnded: 14,
} as const;
export type FrameType = keyof typeof frameTypes;

export interface FrameHead {
  readonly type: FrameType;
  /** The call on this connection, counted from 1; 0 in a frame that belongs to no call. */
  readonly id: number;
  readonly metadata: Buffer;
  readonly payloadBytes: number;
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

interface Rule {
  readonly metadataBytes: number;
  readonly payloadBytes: number;
  readonly id: "none" | "some" | "either";
}

const fields = (id: Rule["id"]): Rule => ({ metadataBytes: 0, payloadBytes: maxFieldsBytes, id });

const rules: Readonly<Record<FrameType, Rule>> = {
  hello: fields("none"),
  load: fields("none"),
  loaded: fields("none"),
  loadFailed: fields("none"),
  call: { metadataBytes: maxMetadataBytes, payloadBytes: maxPayloadBytes, id: "some" },
  cancel: { metadataBytes: 0, payloadBytes: 0, id: "some" },
  result: { metadataBytes: maxMetadataBytes, payloadBytes: maxPayloadBytes, id: "some" },
  error: fields("some"),
  log: { metadataBytes: 1, payloadBytes: maxLogPieceBytes, id: "either" },
  bye: fields("none"),
  fork: fields("some"),
  forked: fields("some"),
  forkFailed: fields("some"),
  childEnded: fields("some"),
};

const typeNames = new Map<number, FrameType>(
  Object.entries(frameTypes).map(([name, number]) => [number, name as FrameType]),
);

const empty = Buffer.alloc(0);
const wordBase = 2 ** 32;

/** The header and metadata of a frame whose payload follows on the stream. */
export function encodeHead(
  type: FrameType,
  id: number,
  metadata: Uint8Array,
  payloadBytes: number,
): Buffer {
  const head = Buffer.allocUnsafe(headerBytes + metadata.length);
  head.writeUInt32LE(metadata.length + payloadBytes, 0);
  head.writeUInt8(frameTypes[type], 4);
  head.writeUInt8(0, 5);
  head.writeUInt16LE(metadata.length, 6);
  head.writeUInt32LE(id % wordBase, 8);
  head.writeUInt32LE(Math.floor(id / wordBase), 12);
  head.set(metadata, headerBytes);
  return head;
}

/** A whole frame without metadata. */
export const encodeFrame = (type: FrameType, id: number, payload: Uint8Array = empty): Buffer =>
  Buffer.concat([encodeHead(type, id, empty, payload.length), payload]);

/** What a decoder calls for each frame, in this order; `onPayload` as often as bytes arrive. */
export interface FrameSink {
  onHead(head: FrameHead): void;
  onPayload(piece: Buffer): void;
  onEnd(): void;
}

/**
 * Cuts a stream into frames. Stores nothing but an unfinished head, so a peer that announces a
 * large frame costs nothing until its bytes arrive.
 */
export class FrameDecoder {
  /** The part of a head that has arrived. */
  private partial = empty;
  /** null between frames. */
  private payloadLeft: number | null = null;

  constructor(private readonly sink: FrameSink) {}

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
      bytes.length < headerBytes ? headerBytes : headerBytes + checkHeader(bytes).metadataBytes;
    if (bytes.length < headLength) {
      // A copy, so that a few bytes do not keep the whole piece in memory.
      this.partial = Buffer.from(bytes);
      return empty;
    }
    this.partial = empty;
    const { type, id, payloadBytes } = checkHeader(bytes);
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

function checkHeader(bytes: Buffer) {
  const number = bytes.readUInt8(4);
  const type = typeNames.get(number);
  if (type === undefined) throw new FrameError("GARBAGE", `there is no frame of type ${number}`);
  const rule = rules[type];
  if (bytes.readUInt8(5) !== 0)
    throw new FrameError("GARBAGE", `a frame of type ${type} has unknown flags`);
  const metadataBytes = bytes.readUInt16LE(6);
  const payloadBytes = bytes.readUInt32LE(0) - metadataBytes;
  if (payloadBytes < 0)
    throw new FrameError("GARBAGE", `a frame of type ${type} has more metadata than body`);
  if (metadataBytes > rule.metadataBytes)
    throw oversized(type, "metadata", metadataBytes, rule.metadataBytes);
  if (payloadBytes > rule.payloadBytes)
    throw oversized(type, "payload", payloadBytes, rule.payloadBytes);
  const id = bytes.readUInt32LE(8) + bytes.readUInt32LE(12) * wordBase;
  if (
    !Number.isSafeInteger(id) ||
    (rule.id === "none" && id > 0) ||
    (rule.id === "some" && id === 0)
  )
    throw new FrameError("GARBAGE", `a frame of type ${type} has an invalid call id`);
  return { type, id, metadataBytes, payloadBytes };
}

const oversized = (type: FrameType, part: string, bytes: number, limit: number) =>
  new FrameError(
    "OVERSIZED",
    `a frame of type ${type} has ${bytes} bytes of ${part}; the limit is ${limit}`,
  );

export interface Frame extends FrameHead {
  readonly payload: Buffer;
}

/** Hands on whole frames: for a peer that is trusted with as much memory as its frames need. */
export function wholeFrames(onFrame: (frame: Frame) => void): FrameSink {
  let head: FrameHead | null = null;
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
