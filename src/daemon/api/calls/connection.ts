// One connection that carries many calls: frames in both directions, with limits on what a client
// sends and leaves unread.

import type { Socket } from "node:net";
import { clearTimeout, monotonicMs, setTimeout, type Timer } from "../../../clock.js";
import { GleanerError } from "../../../model/errors.js";
import {
  callFrame,
  type Following,
  maxCallFrameBytes,
  readCallFrame,
} from "../../../wire/api/call-frames.js";
import { maxWaitMs } from "../../../wire/api/limits.js";
import { callInFrame, leaveInFrame } from "../../../wire/api/shapes/calls.js";
import { FrameReader, frameHeader } from "../../../wire/frames.js";
import type { CarriedMemory } from "../../carried/memory.js";
import type { Admittance } from "../server/admittance.js";
import type { Caller } from "../server/caller.js";
import type { Gate, Sentence } from "../server/gate.js";
import { requestTimeoutMs } from "../server/refusals.js";
import { shaped } from "../server/shaped.js";
import { ArrivedInput } from "./arrived-input.js";
import { askedIn, type Called, checkFollowing, frameOf } from "./framed.js";
import { type Answered, type AskedCall, actOf } from "./synchronous.js";

/** Further calls are read once one of these is answered. */
const maxInProgress = 256;
/** While an announced input holds memory, something of it has to arrive; as over HTTP. */
const arrivalMs = requestTimeoutMs;
/** All of it, for which 60 kbit/s are enough. */
const mostArrivalMs = 600_000;
/** While a client leaves more answers unread, nothing is read from it. */
const maxUnsentBytes = 1024 * 1024;
/** As for requests over HTTP: longer than the longest wait. */
const idleMs = maxWaitMs + 30_000;

export interface CallServing {
  readonly gate: Pick<Gate, "note" | "sentenceOf">;
  readonly admittance: Pick<Admittance, "admitCall">;
  readonly answer: (caller: Caller, asked: AskedCall, gone: AbortSignal) => Promise<Answered>;
  /** The client's address, for the audit log. */
  readonly source: string;
  /** Whose calls these are; throws NOT_IDENTIFIED once the token is no longer valid. */
  readonly caller: () => Caller;
  readonly onClosed: () => void;
  readonly carriedMemory: Pick<CarriedMemory, "take">;
}

/** A call whose input is the next frame. */
interface Announced {
  readonly call: number;
  readonly asked: Called;
  readonly uid: number;
  readonly giveBack: () => void;
  readonly sinceMs: number;
}

export class CallConnection {
  private readonly reader = new FrameReader(maxCallFrameBytes);
  private readonly inProgress = new Map<number, AbortController>();
  private announced: Announced | null = null;
  /** Nothing of the announced input arrived for too long. */
  private late: Timer | undefined;
  private isPaused = false;
  private isFinishing = false;

  /** `head`: what the client sent behind its request. */
  constructor(
    private readonly socket: Socket,
    head: Buffer,
    private readonly deps: CallServing,
  ) {
    this.reader.push(head);
  }

  begin(): void {
    const { socket } = this;
    socket.setNoDelay(true).setTimeout(idleMs, () => {
      if (this.inProgress.size === 0) this.close();
    });
    socket.on("data", (piece: Buffer) => {
      this.reader.push(piece);
      if (this.announced !== null) this.waitForInput(this.announced);
      this.read();
    });
    socket.on("drain", () => this.read());
    socket.on("end", () => this.close());
    socket.on("close", () => this.closed());
    this.read();
  }

  /** Begins no further call, and closes once all are answered: clients send the rest again. */
  finish(): void {
    this.isFinishing = true;
    if (this.inProgress.size === 0) this.socket.end(() => this.close());
  }

  private close(): void {
    this.socket.destroy();
  }

  /** Nobody waits for the answers any more. */
  private closed(): void {
    const { announced } = this;
    this.announced = null;
    clearTimeout(this.late);
    announced?.giveBack();
    for (const gone of this.inProgress.values()) gone.abort();
    this.deps.onClosed();
  }

  private read(): void {
    try {
      while (!this.isFull && !this.socket.destroyed) {
        const content = this.reader.next();
        if (content === null) break;
        if (this.announced === null) this.take(content);
        else this.takeInput(this.announced, content);
      }
    } catch (thrown) {
      this.refuse(thrown);
      return;
    }
    if (this.isFull === this.isPaused) return;
    this.isPaused = this.isFull;
    if (this.isPaused) this.socket.pause();
    else this.socket.resume();
  }

  private get isFull(): boolean {
    return this.inProgress.size >= maxInProgress || this.socket.writableLength >= maxUnsentBytes;
  }

  /** Throws PROTOCOL or BAD_REQUEST for a frame that names no call: nobody could be answered. */
  private take(content: Buffer): void {
    const { head, payload } = readCallFrame(content);
    const named = head as { call?: unknown; leave?: unknown } | null;
    if (named?.leave !== undefined) {
      this.inProgress.get(shaped(leaveInFrame, head).leave)?.abort();
      return;
    }
    const call = named?.call;
    if (typeof call !== "number" || !Number.isSafeInteger(call) || call < 0)
      throw new GleanerError("PROTOCOL", "a frame has no number of a call");
    if (this.inProgress.has(call))
      throw new GleanerError("PROTOCOL", `call ${call} is in progress already`);
    const { followsBytes } = head as Following;
    if (followsBytes !== undefined) checkFollowing(followsBytes);
    if (this.isFinishing) {
      if (followsBytes !== undefined) this.reader.skip(followsBytes);
    } else if (followsBytes === undefined)
      this.start(call, () => askedIn(shaped(callInFrame, head), payload));
    else if (payload.length > 0)
      throw new GleanerError("PROTOCOL", "a call has an input, and announces another one");
    else this.announce(call, followsBytes, head);
  }

  /** The input is ignored if nothing is to be done with it. */
  private announce(call: number, bytes: number, head: unknown): void {
    let asked: Called;
    let uid: number;
    try {
      asked = shaped(callInFrame, head);
      if (asked.input.blob !== undefined)
        throw new GleanerError("BAD_REQUEST", "a call names an input, and announces another one");
      ({ uid } = this.deps.caller());
    } catch (thrown) {
      this.reader.skip(bytes);
      this.start(call, () => {
        throw thrown;
      });
      return;
    }
    const giveBack = this.deps.carriedMemory.take(uid, bytes);
    if (giveBack === null) {
      this.reader.skip(bytes);
      this.send({ call, aside: true });
      return;
    }
    this.reader.maxBytes = bytes;
    this.announced = { call, asked, uid, giveBack, sinceMs: monotonicMs() };
    this.waitForInput(this.announced);
  }

  /** From now on again; while gleanerd itself reads nothing, the client is not late at once. */
  private waitForInput(announced: Announced): void {
    clearTimeout(this.late);
    if (monotonicMs() - announced.sinceMs > mostArrivalMs) {
      this.close();
      return;
    }
    this.late = setTimeout(() => {
      if (this.isPaused) this.waitForInput(announced);
      else this.close();
    }, arrivalMs);
  }

  /** Throws PROTOCOL for an input of another size. */
  private takeInput({ call, asked, uid, giveBack }: Announced, body: Buffer): void {
    if (body.length !== asked.followsBytes)
      throw new GleanerError("PROTOCOL", "an input has another size than its call announced");
    this.announced = null;
    clearTimeout(this.late);
    this.reader.maxBytes = maxCallFrameBytes;
    if (this.isFinishing) {
      giveBack();
      return;
    }
    const input = new ArrivedInput(uid, asked.input.contentType, body, giveBack);
    const { call: _, followsBytes: _bytes, ...rest } = asked;
    void this.start(call, () => ({ ...rest, input })).then(() => input.dropUnlessCarried());
  }

  private start(call: number, ask: () => AskedCall): Promise<void> {
    const gone = new AbortController();
    this.inProgress.set(call, gone);
    return this.run(call, ask, gone.signal);
  }

  private async run(call: number, ask: () => AskedCall, gone: AbortSignal): Promise<void> {
    const { deps, socket } = this;
    let caller: Caller | undefined;
    let release = () => {};
    try {
      caller = deps.caller();
      release = await deps.admittance.admitCall(socket, caller.uid);
      const asked = ask();
      const answered = await deps.answer(caller, asked, gone);
      deps.gate.note(caller, deps.source, actOf(answered, asked));
      await this.answer(call, answered);
    } catch (thrown) {
      const whose = { caller, source: deps.source, subject: "a call" };
      this.send({ call, error: deps.gate.sentenceOf(thrown, whose, sentenceIn(thrown)) });
    }
    release();
    this.inProgress.delete(call);
    if (this.isFinishing) this.finish();
    else this.read();
  }

  /** A large result follows if it is in memory and the client reads what it is sent. */
  private async answer(call: number, { content, ...answered }: Answered): Promise<void> {
    const { socket } = this;
    const { answer } = answered;
    const body = socket.writableLength < maxUnsentBytes ? content?.body : null;
    if (content == null || body == null || answer?.kind !== "result") {
      // The answer only names it.
      await content?.keep.orFailed();
      this.send(...frameOf(call, answered));
      return;
    }
    content.hold();
    const { contentType } = answer.payload;
    const named = { kind: "result", payload: { contentType } };
    socket.cork();
    this.send({ call, ...answered, answer: named, followsBytes: body.length });
    this.write(frameHeader(body.length));
    this.write(body, () => content.release());
    socket.uncork();
  }

  private send(head: object, payload?: Uint8Array): void {
    this.write(callFrame(head, payload));
  }

  /** `written`: the kernel has it, or nobody will. */
  private write(bytes: Uint8Array, written = () => {}): void {
    if (this.socket.destroyed) written();
    else this.socket.write(bytes, () => written());
  }

  /** What the client sends is not this protocol. */
  private refuse(thrown: unknown): void {
    const whose = { caller: undefined, source: this.deps.source, subject: "a call" };
    const error = this.deps.gate.sentenceOf(thrown, whose);
    if (!this.socket.destroyed) this.socket.end(callFrame({ error }), () => this.close());
  }
}

const sentenceIn = (thrown: unknown): Sentence | null =>
  thrown instanceof GleanerError ? thrown : null;
