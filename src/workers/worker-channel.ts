// The executor's side of a worker's connection: several calls at once, their results or typed
// failures, and every limit on a hostile worker.

import type { Duplex } from "node:stream";
import type { FrameHead } from "../wire/worker/frame.js";
import { defaultLogLimitBytes, maxPayloadBytes } from "../wire/worker/limits.js";
import {
  type CallHead,
  decodeContentType,
  decodeError,
  encodeCallHead,
  type HandlerError,
  type LogStream,
} from "../wire/worker/messages.js";
import {
  encodeServe,
  encodeTerminating,
  type Serve,
  type Terminating,
} from "../wire/worker/serving.js";
import { LogAllowance } from "./log-allowance.js";
import { type Input, inputBytes, type Sending } from "./outgoing.js";
import { SentCalls } from "./sent-calls.js";
import { KeptPlace, type ServeEvents, ServeFrames } from "./serve-frames.js";
import { type OutputSink, SinkStream } from "./sink-stream.js";
import { WorkerFailure } from "./worker-failure.js";
import {
  type Body,
  collected,
  type Greeting,
  ignored,
  type LoadEnd,
  type LoadOrder,
  outOfTurn,
  WorkerLink,
} from "./worker-link.js";

export interface CallOrder extends CallHead {
  /** A stream is read while it is sent; other frames wait meanwhile. */
  readonly input: Input;
  /** Takes the output as it arrives; if omitted, the output is collected in memory. */
  readonly sink?: OutputSink | undefined;
}

export type CallEnd =
  | {
      readonly kind: "returned";
      readonly contentType: string;
      readonly outputBytes: number;
      /** null if a sink took it. */
      readonly output: Buffer | null;
    }
  /** The user's error, which the worker survived. */
  | { readonly kind: "failed"; readonly error: HandlerError }
  /** No answer. Unless the code is SINK, the worker is lost too. */
  | { readonly kind: "lost"; readonly failure: WorkerFailure };

export interface RunningCall {
  /** On this channel; logs and `cancel` name it. */
  readonly id: number;
  /** Never rejects. */
  readonly end: Promise<CallEnd>;
  /** No handler has begun with it before it was sent. */
  readonly sending: Sending;
}

export interface WorkerLog {
  /** null for what is printed outside of calls, or where the runtime cannot tell. */
  readonly callId: number | null;
  readonly stream: LogStream;
  readonly bytes: Buffer;
}

export interface ChannelEvents {
  onLog(log: WorkerLog): void;
  /** It answered a call twice. What runs in it may still end, and nothing else should begin. */
  onFault?(failure: WorkerFailure): void;
  /** Called once, after the end of every call that ran. */
  onClosed(failure: WorkerFailure): void;
}

interface Pending {
  readonly sink: OutputSink | undefined;
  readonly outputLimitBytes: number;
  /** null for a call. */
  readonly serve: ServeFrames | null;
  readonly log: LogAllowance;
  readonly settle: (end: CallEnd) => void;
  /** Its answer has begun to arrive. */
  isAnswered: boolean;
}

/** More second answers than these are a flood. */
const maxSurplus = 16;

export class WorkerChannel {
  private readonly link: WorkerLink;
  private readonly pending = new Map<number, Pending>();
  private readonly sent: SentCalls;
  readonly place = new KeptPlace();
  private surplus = 0;
  private outputLimitBytes = maxPayloadBytes;
  private logLimitBytes = defaultLogLimitBytes;
  /** For what belongs to no running call. */
  private otherLog = new LogAllowance(defaultLogLimitBytes);

  /** `socket`: the other end of the worker's descriptor 3. `firstId`: random if omitted. */
  constructor(
    socket: Duplex,
    private readonly events: ChannelEvents,
    firstId?: number,
  ) {
    this.sent = new SentCalls(firstId);
    this.link = new WorkerLink(socket, {
      onFrame: (head) => this.bodyFor(head),
      onLog: (id, stream, bytes) => this.onLog(id, stream, bytes),
      endedBy: (bye) => this.sent.lateEnd(bye, this.pending),
      onClosed: (failure) => this.onClosed(failure),
    });
  }

  /** Resolves once the worker has said hello: it has started and waits for `load`. */
  ready(): Promise<Greeting> {
    return this.link.greeted();
  }

  /** Waits for hello and loads the handler; to be called once. */
  load(order: LoadOrder): Promise<LoadEnd> {
    this.outputLimitBytes = order.outputLimitBytes;
    this.logLimitBytes = order.logLimitBytes;
    this.otherLog = new LogAllowance(order.logLimitBytes);
    return this.link.load(order);
  }

  /**
   * Sends a call; the worker runs as many at once as it said when it was loaded, and the others in
   * their order. Throws RangeError for an input, content type or name over its limit.
   */
  call(order: CallOrder): RunningCall {
    const bytes = inputBytes(order.input);
    if (bytes > maxPayloadBytes)
      throw new RangeError(`an input of ${bytes} bytes is over the limit of ${maxPayloadBytes}`);
    const head = encodeCallHead(order);
    const { sink } = order;
    const { outputLimitBytes } = this;
    this.place.forget();
    return this.begin(order.name, { sink, outputLimitBytes, serve: null }, (id, tell) =>
      this.link.send("call", id, head, order.input, tell),
    );
  }

  /**
   * Tells a worker that runs no call to serve the clients of a lease, until it is cancelled. It
   * returns nothing.
   */
  serve(order: Serve, events: ServeEvents): RunningCall {
    const serve = new ServeFrames(events);
    return this.begin(order.worker, { sink: undefined, outputLimitBytes: 0, serve }, (id, tell) =>
      this.link.send("serve", id, undefined, encodeServe(order), tell),
    );
  }

  /** Tells a worker that serves when it will have to stop. */
  terminating(id: number, end: Terminating): void {
    if (this.pending.has(id)) this.link.send("terminating", id, undefined, encodeTerminating(end));
  }

  private begin(
    name: string,
    what: Pick<Pending, "sink" | "outputLimitBytes" | "serve">,
    send: (id: number, tell: (sending: Sending) => void) => void,
  ): RunningCall {
    const id = this.sent.add(name);
    this.otherLog.renew();
    const log = new LogAllowance(this.logLimitBytes);
    const end = new Promise<CallEnd>((settle) => {
      this.pending.set(id, { ...what, settle, log, isAnswered: false });
    });
    const call: { sending: Sending } & RunningCall = { id, end, sending: "waits" };
    const tell = (sending: Sending) => {
      call.sending = sending;
    };
    if (this.link.isOpen) send(id, tell);
    else this.loseAll(new WorkerFailure("STOPPED", "the connection to the worker is closed"));
    return call;
  }

  /** Asks the worker to end a call; the call's end tells whether it did. */
  cancel(id: number): void {
    if (this.pending.has(id)) this.link.send("cancel", id);
  }

  /** Calls that have no end yet. */
  get callsInProgress(): number {
    return this.pending.size;
  }

  get isOpen(): boolean {
    return this.link.isOpen;
  }

  get unsentBytes(): number {
    return this.link.unsentBytes;
  }

  /** Says bye, upon which the worker exits; the calls in it are lost. */
  close(reason?: string): void {
    this.link.close(reason);
  }

  private bodyFor(head: FrameHead): Body {
    const { type, id, metadata, payloadBytes } = head;
    if (type === "serving" || type === "usage") return this.serving(id).bodyFor(type);
    if (type !== "result" && type !== "error") throw outOfTurn(`${type}, which workers never send`);
    if (this.isSurplus(id)) return ignored;
    const call = this.answered(id);
    if (type === "error")
      return collected((payload) =>
        this.finish(id)({ kind: "failed", error: decodeError(payload) }),
      );
    const contentType = decodeContentType(metadata);
    const { sink, outputLimitBytes } = call;
    if (payloadBytes > outputLimitBytes) throw oversized(payloadBytes, outputLimitBytes);
    const returned = { kind: "returned", contentType, outputBytes: payloadBytes } as const;
    if (sink === undefined) return collected((output) => this.finish(id)({ ...returned, output }));
    const stream = new SinkStream(sink, (until) => this.link.hold(until));
    stream.begin(contentType, payloadBytes);
    return {
      write: (piece) => stream.write(piece),
      end: () => {
        const settle = this.finish(id);
        void stream
          .finished()
          .then((failure) =>
            settle(failure === null ? { ...returned, output: null } : { kind: "lost", failure }),
          );
      },
    };
  }

  private serving(id: number): ServeFrames {
    const { serve = null, isAnswered = false } = this.pending.get(id) ?? {};
    if (serve === null || isAnswered) throw outOfTurn("how it serves clients, though it does not");
    return serve;
  }

  /** A second answer of a call that has ended, while others run that are not to blame for it. */
  private isSurplus(id: number): boolean {
    if (!this.sent.has(id) || this.pending.has(id) || this.pending.size === 0) return false;
    this.surplus++;
    if (this.surplus > maxSurplus) return false;
    this.events.onFault?.(this.sent.breach(id));
    return true;
  }

  /** The call of an answer that begins. */
  private answered(id: number): Pending {
    const call = this.pending.get(id);
    if (call === undefined || call.isAnswered) throw this.sent.breach(id);
    call.isAnswered = true;
    return call;
  }

  /** The answer of a call is complete. */
  private finish(id: number): Pending["settle"] {
    const { settle } = this.pending.get(id)!;
    this.pending.delete(id);
    return settle;
  }

  private onLog(id: number, stream: LogStream, bytes: Buffer): void {
    if (id !== 0 && !this.sent.has(id))
      throw new WorkerFailure(
        "UNKNOWN_CALL",
        "the worker logged for a call that it was never sent",
      );
    (this.pending.get(id)?.log ?? this.otherLog).take(bytes.length);
    this.events.onLog({ callId: id === 0 ? null : id, stream, bytes });
  }

  private onClosed(failure: WorkerFailure): void {
    this.loseAll(failure);
    this.events.onClosed(failure);
  }

  private loseAll(failure: WorkerFailure): void {
    const lost = [...this.pending.values()];
    this.pending.clear();
    for (const { settle } of lost) settle({ kind: "lost", failure });
  }
}

const oversized = (bytes: number, limit: number) =>
  new WorkerFailure(
    "OVERSIZED",
    `the worker sent an output of ${bytes} bytes; the limit is ${limit}`,
  );
