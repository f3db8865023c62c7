// A client of a lease that has proven the key: its calls come in, their answers leave in batches.

import type { Socket } from "node:net";
import { monotonicMs } from "../../../clock.js";
import type { DirectType } from "../../../wire/direct/frame.js";
import { encodeReason } from "../../../wire/direct/messages.js";
import { Outbox } from "../../../wire/direct/outbox.js";
import type { ReceivedFrame } from "../../../wire/direct/reader.js";
import {
  decodeCallHead,
  encodeContentType,
  encodeError,
  type HandlerError,
} from "../../../wire/worker/messages.js";
import { encodeTerminating, type Terminating } from "../../../wire/worker/serving.js";
import type { Calls, Origin } from "../calls.js";
import type { CallLog } from "../prints.js";
import type { Output } from "../values.js";
import type { Newcomer } from "./lease-newcomer.js";

/** Calls without an answer; the next one is answered with busy. */
export const maxInFlight = 256;
/** Inputs of calls that have not begun, over all clients; the next one is answered with busy. */
const maxWaitingBytes = 256 * 1024 * 1024;
const maxUnsentBytes = 1024 * 1024;
/** A client that takes nothing for this time is gone; long answers get a second for each MiB. */
const stallMs = 30_000;
const slowestBytesPerMs = 1_048;

const typesOf = new Map<string, Buffer>();
/** Most results have one of three types. */
function metadataOf(contentType: string): Buffer {
  let metadata = typesOf.get(contentType);
  if (metadata === undefined) {
    metadata = encodeContentType(contentType);
    typesOf.set(contentType, metadata);
  }
  return metadata;
}

export interface ClientEvents {
  onCall(): void;
  /** Its last call was answered. */
  onQuiet(): void;
  onClosed(): void;
}

export class Client implements Origin {
  isBackedUp = false;
  private readonly socket: Socket;
  readonly outbox: Outbox;
  private lastId = 0;
  private inFlight = 0;
  private isEnding = false;
  private waitsSinceMs = 0;

  constructor(
    newcomer: Newcomer,
    private readonly calls: Calls,
    private readonly log: CallLog,
    private readonly events: ClientEvents,
  ) {
    this.socket = newcomer.socket;
    this.outbox = new Outbox(this.socket);
    newcomer.handOver((frame) => this.onFrame(frame), this.outbox);
    this.socket.on("drain", () => this.resume());
    this.socket.once("close", () => {
      this.isEnding = true;
      calls.abandon(this);
      events.onClosed();
    });
  }

  get hasCalls(): boolean {
    return this.inFlight > 0;
  }

  succeed(id: number, { contentType, bytes }: Output): void {
    this.answer("result", id, bytes, metadataOf(contentType));
  }

  fail(id: number, error: HandlerError): void {
    this.answer("error", id, encodeError(error));
  }

  announceEnd(end: Terminating): void {
    this.outbox.send("terminating", 0, encodeTerminating(end));
  }

  /** New calls and those that have not begun are not run. */
  endCalls(): void {
    this.isEnding = true;
    for (const id of this.calls.withdraw(this)) this.answer("ended", id);
  }

  /** Closes the connection once what it was sent has left. */
  close(reason: string): void {
    this.isEnding = true;
    this.outbox.send("ended", 0, encodeReason(reason));
    this.outbox.flush();
    this.socket.destroySoon();
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** Whether answers wait although it had time to take them. */
  hasStalled(): boolean {
    if (!this.isBackedUp) return false;
    const allowedMs = stallMs + this.outbox.unsentBytes / slowestBytesPerMs;
    return monotonicMs() - this.waitsSinceMs > allowedMs;
  }

  private onFrame(frame: ReceivedFrame): void {
    const { type, id } = frame;
    if (type === "call") this.take(id, frame);
    else if (type === "cancel") this.calls.cancel(this, id);
    else if (type === "bye") this.socket.end();
    else this.breakRules(`a client does not send ${type}`);
  }

  private take(id: number, { metadata, payload, isOwn }: ReceivedFrame): void {
    if (id <= this.lastId) {
      this.breakRules(`call ${id} comes after call ${this.lastId}`);
      return;
    }
    this.lastId = id;
    this.events.onCall();
    const head = decodeCallHead(metadata);
    if (this.isEnding) this.outbox.send("ended", id);
    else if (this.inFlight >= maxInFlight || this.calls.waitingBytes > maxWaitingBytes)
      this.outbox.send("busy", id);
    else {
      this.inFlight++;
      const input = isOwn ? payload : Buffer.from(payload);
      this.calls.take({ origin: this, id, head, payload: input, log: this.log, hasOwnLog: false });
    }
  }

  private answer(type: DirectType, id: number, payload?: Uint8Array, metadata?: Uint8Array): void {
    this.inFlight--;
    if (this.inFlight === 0) this.events.onQuiet();
    if (this.socket.destroyed) return;
    // Nothing else is on its way to the client: it does not wait for the end of this turn.
    const isLast = this.inFlight === 0;
    if (isLast) this.outbox.hold();
    this.outbox.send(type, id, payload, metadata);
    if (isLast) this.outbox.release();
    if (this.isBackedUp || this.outbox.unsentBytes <= maxUnsentBytes) return;
    // A large answer to a client that reads leaves at once.
    this.outbox.flush();
    if (this.socket.writableLength <= maxUnsentBytes) return;
    this.isBackedUp = true;
    this.waitsSinceMs = monotonicMs();
    this.socket.pause();
  }

  private resume(): void {
    if (!this.isBackedUp) return;
    this.isBackedUp = false;
    this.socket.resume();
    this.calls.runNext();
  }

  private breakRules(reason: string): void {
    this.outbox.send("bye", 0, encodeReason(reason));
    this.outbox.flush();
    this.socket.destroySoon();
  }
}
