// Messages that leave together: those of one turn of the event loop share a frame, with one seal
// and one write, and wake the peer once.

import { clearTimeout, setImmediate, setTimeout, type Timer } from "../../clock.js";
import { maxFrameMessages } from "../messages.js";

/** More than this leaves at once, not only at the end of the turn. */
const enoughBytes = 64 * 1024;
/** What nobody waits for leaves with the next message, or so much later. */
const latestMs = 10;

export class Gathered {
  private payloads: Uint8Array[] = [];
  private leavesThisTurn = false;
  private late: Timer | undefined;
  private gatheredBytes = 0;

  /** `leave` sends one frame. */
  constructor(
    private readonly maxBytes: number,
    private readonly leave: (payloads: readonly Uint8Array[]) => void,
  ) {}

  get bytes(): number {
    return this.gatheredBytes;
  }

  /** `mayWait`: nobody waits for it. */
  add(payload: Uint8Array, mayWait: boolean): void {
    const isFull = this.payloads.length === maxFrameMessages;
    if (isFull || this.gatheredBytes + payload.length > this.maxBytes) this.flush();
    this.payloads.push(payload);
    this.gatheredBytes += payload.length;
    if (this.gatheredBytes > enoughBytes) this.flush();
    else if (mayWait) this.late ??= setTimeout(() => this.flush(), latestMs);
    else if (!this.leavesThisTurn) {
      this.leavesThisTurn = true;
      setImmediate(() => this.flush());
    }
  }

  flush(): void {
    clearTimeout(this.late);
    this.late = undefined;
    this.leavesThisTurn = false;
    if (this.payloads.length === 0) return;
    const { payloads } = this;
    this.payloads = [];
    this.gatheredBytes = 0;
    this.leave(payloads);
  }
}
