// Frames to a peer of the direct path: those of one turn of the event loop leave in one write.

import type { Socket } from "node:net";
import { headerBytes } from "../worker/framing.js";
import { type DirectType, directRules, encodeDirectHead } from "./frame.js";

/** Copying a shorter payload costs less than a piece of its own. */
const maxCopiedBytes = 16 * 1024;
const maxJoinedBytes = 64 * 1024;
const empty = new Uint8Array(0);

export class Outbox {
  private pieces: Uint8Array[] = [];
  private bytes = 0;

  constructor(private readonly socket: Socket) {}

  /** The payload must stay as it is until it was sent. */
  send(
    type: DirectType,
    id: number,
    payload: Uint8Array = empty,
    metadata: Uint8Array = empty,
  ): void {
    if (this.bytes === 0) process.nextTick(flush, this);
    if (payload.length > maxCopiedBytes) {
      this.add(encodeDirectHead(type, id, metadata, payload.length));
      this.add(payload);
    } else this.add(shortFrame(type, id, metadata, payload));
  }

  flush(): void {
    const { pieces, bytes, socket } = this;
    if (bytes === 0) return;
    this.pieces = [];
    this.bytes = 0;
    if (socket.destroyed || socket.writableEnded) return;
    if (pieces.length === 1) socket.write(pieces[0]!);
    else if (bytes <= maxJoinedBytes) socket.write(Buffer.concat(pieces, bytes));
    else {
      socket.cork();
      for (const piece of pieces) socket.write(piece);
      socket.uncork();
    }
  }

  /** What the peer has not taken from this process yet. */
  get unsentBytes(): number {
    return this.bytes + this.socket.writableLength;
  }

  private add(piece: Uint8Array): void {
    this.pieces.push(piece);
    this.bytes += piece.length;
  }
}

const flush = (outbox: Outbox): void => outbox.flush();

const wordBase = 2 ** 32;

function shortFrame(
  type: DirectType,
  id: number,
  metadata: Uint8Array,
  payload: Uint8Array,
): Buffer {
  const frame = Buffer.allocUnsafe(headerBytes + metadata.length + payload.length);
  frame.writeUInt32LE(metadata.length + payload.length, 0);
  frame.writeUInt16LE(directRules[type].number, 4); // and no flags
  frame.writeUInt16LE(metadata.length, 6);
  frame.writeUInt32LE(id % wordBase, 8);
  frame.writeUInt32LE(Math.floor(id / wordBase), 12);
  frame.set(metadata, headerBytes);
  frame.set(payload, headerBytes + metadata.length);
  return frame;
}
