// A connection to one worker of a lease: proves the key, sends calls as they come, and hands each
// back that the worker did not run.

import { connect, type NetConnectOpts, type Socket } from "node:net";
import { clearTimeout, setTimeout, type Timer } from "../../clock.js";
import { messageOf } from "../../model/errors.js";
import type { LeaseEndpoint } from "../../wire/api/types.js";
import { type DirectType, maxHandshakeBytes } from "../../wire/direct/frame.js";
import { type Accepted, decodeReason } from "../../wire/direct/messages.js";
import { Outbox } from "../../wire/direct/outbox.js";
import { DirectReader, type ReceivedFrame } from "../../wire/direct/reader.js";
import { decodeError, encodeCallHead, type HandlerError } from "../../wire/worker/messages.js";
import { ClientHandshake } from "./handshake.js";

/** A call as a line sends it, and what becomes of it; exactly one method is called, once. */
export interface DirectCall {
  readonly name: string;
  readonly attempt: number;
  readonly contentType: string;
  readonly body: Uint8Array;
  readonly deadlineMs: number;
  /** The frame is valid during the call. */
  succeed(result: ReceivedFrame): void;
  fail(error: HandlerError): void;
  /** It did not run. */
  notRun(): void;
  /** The connection broke: it may have run. */
  lost(reason: string): void;
}

export interface LineEvents {
  onReady(): void;
  /** A call more can be sent than before. */
  onRoom(): void;
  onClosed(reason: string): void;
}

const handshakeMs = 5_000;
const keepAliveAfterMs = 1_000;
/** A worker that was busy with the calls of other clients is asked again after this, then later. */
const firstRestMs = 10;
const lastRestMs = 1_000;
/** What fits into a call's head: seven weeks. */
const maxDeadlineMs = 2 ** 32 - 1;

export class DirectLine {
  accepted: Accepted | null = null;
  /** No new call, if another worker can take it. */
  isTerminating = false;
  private isOver = false;
  private hasEnded = false;
  /** Why it ends, if it said so. */
  private lastWord = "";
  private readonly socket: Socket;
  private readonly reader: DirectReader;
  private readonly outbox: Outbox;
  private readonly handshake: ClientHandshake;
  /** null: nobody waits for its answer any more. */
  private readonly pending = new Map<number, DirectCall | null>();
  /** How many of them nobody waits for. */
  private abandoned = 0;
  private lastId = 0;
  /** Since the last sweep. */
  private isHeard = true;
  private heardMs = 0;
  private resting: Timer | null = null;
  private restMs = firstRestMs;
  private readonly late: Timer;

  constructor(
    readonly endpoint: LeaseEndpoint,
    where: NetConnectOpts,
    private readonly events: LineEvents,
  ) {
    this.reader = new DirectReader((frame) => this.onFrame(frame), maxHandshakeBytes);
    const onread = {
      buffer: () => this.reader.space(),
      callback: (bytes: number, space: Uint8Array) => this.onRead(bytes, space as Buffer),
    };
    this.socket = connect({ ...where, onread, noDelay: true } as NetConnectOpts);
    this.socket.setKeepAlive(true, keepAliveAfterMs);
    this.outbox = new Outbox(this.socket);
    this.handshake = new ClientHandshake(endpoint, (type, payload) =>
      this.outbox.send(type, 0, payload),
    );
    this.socket.once("connect", () => this.handshake.begin());
    this.socket.once("error", (error) => this.close(this.brokenBy(error)));
    this.socket.once("end", () => this.close(this.whyEnded));
    this.socket.once("close", () => this.close(`the connection to ${this.title} broke`));
    const late = `${this.title} did not answer within 5 s`;
    this.late = setTimeout(() => this.close(late), handshakeMs);
  }

  get isReady(): boolean {
    return this.accepted !== null && !this.isOver;
  }

  /** It does not only run calls for which nobody waits any more. */
  get isOfUse(): boolean {
    return this.isReady && this.abandoned < Math.max(1, this.accepted!.concurrency);
  }

  get inFlight(): number {
    return this.pending.size;
  }

  get hasRoom(): boolean {
    const isFree = this.resting === null && !this.hasEnded;
    return isFree && this.isOfUse && this.pending.size < this.accepted!.maxInFlight;
  }

  /** How long calls have waited without a word of the worker; to be asked regularly. */
  silentMs(nowMs: number): number {
    if (this.isHeard || this.pending.size === 0) this.heardMs = nowMs;
    this.isHeard = false;
    return nowMs - this.heardMs;
  }

  send(call: DirectCall, nowMs: number): void {
    const isAlone = this.pending.size === 0;
    const id = ++this.lastId;
    this.pending.set(id, call);
    const { contentType, name, attempt } = call;
    const deadlineMs = Math.min(maxDeadlineMs, Math.max(1, Math.ceil(call.deadlineMs - nowMs)));
    const head = encodeCallHead({ deadlineMs, attempt, contentType, name });
    // A worker that waits for a call gets it before others are encoded.
    if (isAlone) this.outbox.hold();
    this.outbox.send("call", id, call.body, head);
    if (isAlone) this.outbox.release();
  }

  /** Nobody waits for this call any more. */
  cancel(call: DirectCall): void {
    for (const [id, each] of this.pending)
      if (each === call) {
        this.pending.set(id, null);
        this.abandoned++;
        this.outbox.send("cancel", id);
      }
  }

  /** Those whose time is over. */
  overdue(nowMs: number): DirectCall[] {
    return [...this.pending.values()]
      .filter((call) => call !== null && call.deadlineMs <= nowMs)
      .map((call) => call!);
  }

  close(reason: string): void {
    if (this.isOver) return;
    this.isOver = true;
    clearTimeout(this.late);
    clearTimeout(this.resting);
    this.socket.destroy();
    const calls = [...this.pending.values()];
    this.events.onClosed(reason);
    this.pending.clear();
    for (const call of calls) call?.lost(reason);
  }

  /** Calls that have not ended are lost. */
  bye(): void {
    if (this.isReady) {
      this.outbox.send("bye", 0);
      this.outbox.flush();
      this.socket.end();
    }
    this.close("the lease was ended");
  }

  private onRead(bytes: number, space: Buffer): boolean {
    this.isHeard = true;
    this.outbox.hold();
    try {
      this.reader.arrived(bytes, space);
    } catch (error) {
      this.close(`${this.title} broke the protocol: ${messageOf(error)}`);
    }
    this.outbox.release();
    return !this.isOver;
  }

  private onFrame(frame: ReceivedFrame): void {
    if (this.isOver) return;
    const { type, id } = frame;
    if (this.accepted === null) this.shakeHands(type, frame.payload);
    else if (type === "result") this.settle(id)?.succeed(frame);
    else if (type === "error") this.fail(id, decodeError(frame.payload));
    else if (type === "busy") this.rest(id);
    else if (type === "ended") this.ended(id, frame.payload);
    else if (type === "terminating") this.isTerminating = true;
    else if (type === "bye") this.close(`${this.title} ended: ${decodeReason(frame.payload)}`);
    else this.close(`${this.title} sent ${type}, which no worker sends here`);
  }

  private fail(id: number, error: HandlerError): void {
    this.settle(id)?.fail(error);
  }

  /** It runs nothing from here on, and closes the connection behind its last answer. */
  private ended(id: number, payload: Buffer): void {
    this.hasEnded = true;
    if (id > 0) this.settle(id)?.notRun();
    else this.lastWord = decodeReason(payload);
  }

  private get title(): string {
    return `worker ${this.endpoint.worker} on ${this.endpoint.node}`;
  }

  /** A worker that ends in order says so. */
  private get whyEnded(): string {
    if (this.lastWord !== "") return `${this.title} ended: ${this.lastWord}`;
    const [invocation] = this.endpoint.worker.split(".");
    return `${this.title} crashed or was killed: see glean show ${invocation}`;
  }

  private brokenBy(error: NodeJS.ErrnoException): string {
    if (this.isReady && (error.code === "ECONNRESET" || error.code === "EPIPE"))
      return this.whyEnded;
    return `the connection to ${this.title} broke: ${error.message}`;
  }

  private shakeHands(type: DirectType, payload: Buffer): void {
    this.accepted = this.handshake.take(type, payload);
    if (this.accepted === null) return;
    clearTimeout(this.late);
    this.reader.limitBytes = Number.POSITIVE_INFINITY;
    this.events.onReady();
  }

  private settle(id: number): DirectCall | null {
    const call = this.take(id);
    if (call === undefined) return null;
    this.restMs = firstRestMs;
    this.events.onRoom();
    return call;
  }

  /** undefined: it has no such call. */
  private take(id: number): DirectCall | null | undefined {
    const call = this.pending.get(id);
    if (call === undefined) this.complain(id);
    else this.pending.delete(id);
    if (call === null) this.abandoned--;
    return call;
  }

  /** One answer too many does no harm to the other calls: the worker gets new ones last. */
  private complain(id: number): void {
    if (id > this.lastId) this.close(`${this.title} answered call ${id}, which it was not sent`);
    else this.isTerminating = true;
  }

  private rest(id: number): void {
    const call = this.take(id);
    if (call === undefined) return;
    if (this.resting === null) {
      this.resting = setTimeout(() => {
        this.resting = null;
        this.events.onRoom();
      }, this.restMs);
      this.restMs = Math.min(lastRestMs, this.restMs * 2);
    }
    call?.notRun();
  }
}
