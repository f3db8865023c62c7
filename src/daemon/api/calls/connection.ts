// One connection that carries many calls: frames in both directions, with limits on what a client
// sends and leaves unread.

import type { Socket } from "node:net";
import type { z } from "zod";
import { isStored } from "../../../model/call.js";
import { GleanerError } from "../../../model/errors.js";
import { callFrame, maxCallFrameBytes, readCallFrame } from "../../../wire/api/call-frames.js";
import { maxWaitMs } from "../../../wire/api/limits.js";
import { callInFrame, leaveInFrame } from "../../../wire/api/shapes/calls.js";
import { FrameReader } from "../../../wire/frames.js";
import type { Admittance } from "../server/admittance.js";
import type { Caller } from "../server/caller.js";
import type { Gate, Sentence } from "../server/gate.js";
import { shaped } from "../server/shaped.js";
import { type Answered, type AskedCall, actOf } from "./synchronous.js";

/** Further calls are read once one of these is answered. */
const maxInProgress = 256;
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
}

type Called = z.output<typeof callInFrame>;

export class CallConnection {
  private readonly reader = new FrameReader(maxCallFrameBytes);
  private readonly inProgress = new Map<number, AbortController>();
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
    for (const gone of this.inProgress.values()) gone.abort();
    this.deps.onClosed();
  }

  private read(): void {
    try {
      while (!this.isFull && !this.socket.destroyed) {
        const content = this.reader.next();
        if (content === null) break;
        this.take(content);
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
    if (this.isFinishing) return;
    if (this.inProgress.has(call))
      throw new GleanerError("PROTOCOL", `call ${call} is in progress already`);
    const gone = new AbortController();
    this.inProgress.set(call, gone);
    void this.run(call, head, payload, gone.signal);
  }

  private async run(
    call: number,
    head: unknown,
    payload: Buffer,
    gone: AbortSignal,
  ): Promise<void> {
    const { deps, socket } = this;
    let caller: Caller | undefined;
    let release = () => {};
    try {
      caller = deps.caller();
      release = await deps.admittance.admitCall(socket, caller.uid);
      const asked = askedIn(shaped(callInFrame, head), payload);
      const answered = await deps.answer(caller, asked, gone);
      deps.gate.note(caller, deps.source, actOf(answered, asked));
      this.send(...frameOf(call, answered));
    } catch (thrown) {
      const whose = { caller, source: deps.source, subject: "a call" };
      this.send({ call, error: deps.gate.sentenceOf(thrown, whose, sentenceIn(thrown)) });
    }
    release();
    this.inProgress.delete(call);
    if (this.isFinishing) this.finish();
    else this.read();
  }

  private send(head: object, payload?: Uint8Array): void {
    if (!this.socket.destroyed) this.socket.write(callFrame(head, payload));
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

function askedIn({ call: _, input, ...asked }: Called, payload: Buffer): AskedCall {
  const { contentType, blob } = input;
  if (blob === undefined) return { ...asked, input: { contentType, body: payload } };
  // The size is in gleanerd's own record.
  return { ...asked, input: { contentType, blob: blob as never, bytes: 0 } };
}

/** A result of at most 64 KiB is the frame's payload. */
function frameOf(call: number, { answer, ...answered }: Answered): [object, Uint8Array?] {
  if (answer?.kind !== "result" || isStored(answer.payload)) return [{ call, ...answered, answer }];
  const { contentType, body } = answer.payload;
  return [{ call, ...answered, answer: { kind: "result", payload: { contentType } } }, body];
}
