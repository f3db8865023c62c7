// Frames between the client of `glean run` and the node where its command runs: a header of 8
// bytes (u32 payload length, u8 type, u8 0, u16 task; little-endian), then the payload.

const headerBytes = 8;
export const maxPayloadBytes = 64 * 1024;
/** The longest payload of a peer that has not proven itself. */
const maxHandshakeBytes = 1024;
/** In place of a task's number. */
export const allTasks = 65_535;

export const runFrameTypes = {
  hello: 1,
  clientProof: 2,
  nodeProof: 3,
  accepted: 4,
  refused: 5,
  input: 16,
  signal: 17,
  window: 18,
  started: 32,
  output: 33,
  errors: 34,
  exited: 35,
  taken: 36,
  notice: 37,
  failed: 38,
  over: 39,
} as const;
export type RunFrameType = keyof typeof runFrameTypes;

export interface RunFrame {
  readonly type: RunFrameType;
  readonly task: number;
  readonly payload: Buffer;
}

/** Bytes that are no frame, or one over its limit. */
export class RunFrameError extends Error {
  override readonly name = "RunFrameError";
}

const typeNames = new Map<number, RunFrameType>(
  Object.entries(runFrameTypes).map(([name, number]) => [number, name as RunFrameType]),
);

const empty: Buffer = Buffer.alloc(0);

export function encodeRunFrame(type: RunFrameType, task = 0, payload: Uint8Array = empty): Buffer {
  const frame = Buffer.allocUnsafe(headerBytes + payload.length);
  frame.writeUInt32LE(payload.length, 0);
  frame.writeUInt8(runFrameTypes[type], 4);
  frame.writeUInt8(0, 5);
  frame.writeUInt16LE(task, 6);
  frame.set(payload, headerBytes);
  return frame;
}

/** Cuts a stream into frames; keeps at most one unfinished frame. */
export class RunFrameDecoder {
  private partial = empty;
  /** Raised once the peer has proven itself. */
  limitBytes = maxHandshakeBytes;

  /** Cuts whole frames; throws RunFrameError, after which it must not be used. */
  *push(piece: Buffer): Generator<RunFrame> {
    let rest = this.partial.length === 0 ? piece : Buffer.concat([this.partial, piece]);
    this.partial = empty;
    for (;;) {
      const frame = this.first(rest);
      if (frame === null) break;
      rest = rest.subarray(headerBytes + frame.payload.length);
      // Kept here, in case that the receiver stops in between.
      this.partial = rest;
      yield frame;
    }
    // A copy, so that a few bytes do not keep the whole piece in memory.
    this.partial = Buffer.from(rest);
  }

  private first(bytes: Buffer): RunFrame | null {
    if (bytes.length < headerBytes) return null;
    const length = bytes.readUInt32LE(0);
    const number = bytes.readUInt8(4);
    const type = typeNames.get(number);
    if (type === undefined || bytes.readUInt8(5) !== 0)
      throw new RunFrameError(`there is no frame of type ${number}`);
    if (length > this.limitBytes)
      throw new RunFrameError(`a frame has ${length} bytes; the limit is ${this.limitBytes}`);
    if (bytes.length < headerBytes + length) return null;
    const payload = bytes.subarray(headerBytes, headerBytes + length);
    return { type, task: bytes.readUInt16LE(6), payload };
  }
}
