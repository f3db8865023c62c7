// Frames to a peer of the direct path: those of one turn of the event loop leave in one write, or
// those between hold() and release().

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
  private holds = 0;
  private isDue = false;

  constructor(private readonly socket: Socket) {}

  /** The payload must stay as it is until it was sent. */
  send(
    type: DirectType,
    id: number,
    payload: Uint8Array = empty,
    metadata: Uint8Array = empty,
  ): void {
    if (payload.length > maxCopiedBytes) {
      this.add(encodeDirectHead(type, id, metadata, payload.length));
      this.add(payload);
    } else this.add(shortFrame(type, id, metadata, payload));
    if (this.holds > 0 || this.isDue) return;
    this.isDue = true;
    process.nextTick(flushLater, this);
  }

  /** What is sent from here waits for release(). */
  hold(): void {
    this.holds++;
  }

  release(): void {
    this.holds--;
    if (this.holds === 0) this.flush();
  }

  flush(): void {
    const { bytes, socket } = this;
    if (bytes === 0) return;
    const pieces = this.taken();
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

  flushDue(): void {
    this.isDue = false;
    this.flush();
  }

  private taken(): Uint8Array[] {
    const { pieces } = this;
    this.pieces = [];
    this.bytes = 0;
    return pieces;
  }

  private add(piece: Uint8Array): void {
    this.pieces.push(piece);
    this.bytes += piece.length;
  }
}

const flushLater = (outbox: Outbox): void => outbox.flushDue();

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
  frame.writeUInt32LE(id >>> 0, 8);
  frame.writeUInt32LE(id < wordBase ? 0 : Math.floor(id / wordBase), 12);
  frame.set(metadata, headerBytes);
  frame.set(payload, headerBytes + metadata.length);
  return frame;
}
