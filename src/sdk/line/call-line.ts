// The connection over which a program's calls travel, many at a time: opened by the first call, and
// again after it broke.

import type { Socket } from "node:net";
import { isStored } from "../../model/call.js";
import { GleanerError } from "../../model/errors.js";
import {
  type CallFrame,
  callFrame,
  callPath,
  callProtocol,
  type Following,
  maxAnswerFrameBytes,
  readCallFrame,
} from "../../wire/api/call-frames.js";
import { maxHeadBytes } from "../../wire/api/limits.js";
import { payloadOf, payloadText } from "../../wire/api/payloads.js";
import type { CalledAnswer, CallRequest, PayloadText } from "../../wire/api/types.js";
import { FrameReader, frameHeader } from "../../wire/frames.js";
import { knownCode, parse, understand, whyBroken } from "../http/answer.js";
import type { Address } from "../http/request.js";
import { type CarriedInput, isCarried } from "./carried-input.js";

/** Shorter than gleanerd's own limit. */
const idleMs = 30_000;
const openMs = 10_000;

/** gleanerd, or something before it, knows no such connections. */
export class NoLineError extends Error {}

/** A call with an input that travels with it, or as a request has it. */
export type LineRequest = Omit<CallRequest, "input"> & {
  readonly input: PayloadText | CarriedInput;
};

/** A large result comes with its answer. */
export type LineAnswer = CalledAnswer & { readonly content?: Uint8Array };

interface Waiting {
  /** null: gleanerd wants the input beside the call. */
  readonly resolve: (answer: LineAnswer | null) => void;
  readonly reject: (error: unknown) => void;
  readonly leave: () => void;
}

/** One connection. Calls on it reject with BrokenOffError once it breaks. */
export class CallLine {
  private readonly waiting = new Map<number, Waiting>();
  private readonly reader = new FrameReader(maxAnswerFrameBytes);
  /** The head whose result is the next frame. */
  private announced: CallFrame["head"] | null = null;
  private lastCall = 0;
  private broken: GleanerError | null = null;

  private constructor(
    private readonly address: Address,
    private readonly socket: Socket,
  ) {}

  /** Rejects with NoLineError, gleanerd's refusal, or UNREACHABLE. */
  static async open(address: Address, token: string): Promise<CallLine> {
    // Programs that call nothing need not load it.
    const { open } = await import("../http/conversation.js");
    const socket = await open(address);
    const line = new CallLine(address, socket);
    await line.upgrade(token);
    return line;
  }

  get isOpen(): boolean {
    return this.broken === null;
  }

  /** Resolves with null if gleanerd has no memory for the input: then it must be sent before. */
  call(request: LineRequest, timeoutMs: number, signal?: AbortSignal): Promise<LineAnswer | null> {
    if (this.broken !== null) return Promise.reject(this.broken);
    if (signal?.aborted) return Promise.reject(signal.reason);
    const call = ++this.lastCall;
    const frames = framesOf(call, request);
    return new Promise((resolve, reject) => {
      const give = (error: unknown) => {
        this.settle(call);
        this.socket.write(callFrame({ leave: call }));
        reject(error);
      };
      const aborted = () => give(signal!.reason);
      const late = () =>
        give(whyBroken(this.address, true, new Error(`no answer within ${timeoutMs} ms`)));
      const timer = setTimeout(late, timeoutMs);
      const leave = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", aborted);
      };
      signal?.addEventListener("abort", aborted);
      this.waiting.set(call, { resolve, reject, leave });
      this.socket.ref().setTimeout(0);
      this.socket.cork();
      for (const each of frames) this.socket.write(each);
      this.socket.uncork();
    });
  }

  private upgrade(token: string): Promise<void> {
    const { socket, address } = this;
    return new Promise((resolve, reject) => {
      let head = Buffer.alloc(0);
      const fail = (error: Error) => {
        socket.destroy();
        const isTold = error instanceof GleanerError || error instanceof NoLineError;
        reject(isTold ? error : whyBroken(address, false, error));
      };
      const closed = () => fail(new Error("it closed the connection"));
      const take = (piece: Buffer) => {
        head = Buffer.concat([head, piece]);
        const end = head.indexOf("\r\n\r\n") + 4;
        if (end < 4) return head.length > maxHeadBytes ? fail(new NoLineError()) : undefined;
        if (!/^HTTP\/1\.1 101 /.test(head.toString("latin1", 0, end))) return refused();
        socket.setTimeout(0).off("error", fail).off("close", closed).off("data", take);
        this.begin(head.subarray(end));
        resolve();
      };
      const refused = () => {
        const answer = parse(head);
        const isWhole = answer?.length != null && head.length >= answer.length;
        if (answer?.status === 401 && !isWhole) return; // the rest still comes
        socket.off("error", fail).off("close", closed).destroy();
        try {
          if (answer?.status === 401) understand(address, answer);
          reject(new NoLineError());
        } catch (error) {
          reject(error);
        }
      };
      socket.on("error", fail).on("close", closed).on("data", take);
      socket.setNoDelay(true).setTimeout(openMs, () => fail(new Error("it does not answer")));
      const lines = [`GET ${callPath} HTTP/1.1`, `Host: ${address.host}`, "Connection: Upgrade"];
      lines.push(`Upgrade: ${callProtocol}`, `Authorization: Bearer ${token}`);
      socket.write(`${lines.join("\r\n")}\r\n\r\n`);
    });
  }

  private begin(rest: Buffer): void {
    const { socket } = this;
    socket.on("timeout", () => this.break(new Error("it was idle")));
    socket.on("error", (error) => this.break(error));
    socket.on("close", () => this.break(new Error("it was closed")));
    socket.on("data", (piece: Buffer) => this.take(piece));
    this.take(rest);
  }

  private take(piece: Buffer): void {
    this.reader.push(piece);
    try {
      for (let content = this.reader.next(); content !== null; content = this.reader.next())
        this.took(content);
    } catch (error) {
      this.break(error as Error);
    }
  }

  private took(content: Buffer): void {
    const { announced } = this;
    this.announced = null;
    const frame =
      announced === null ? readCallFrame(content) : { head: announced, payload: content };
    const isAnnounced = announced === null && (frame.head as Following).followsBytes !== undefined;
    if (isAnnounced) this.announced = frame.head;
    else this.answered(frame, announced !== null);
  }

  /** Without the number of a call gleanerd refuses the connection. */
  private answered({ head, payload }: CallFrame, isContent: boolean): void {
    const { call, error, aside, followsBytes: _, ...rest } = head as Partial<CalledAnswer> & Said;
    const refusal = error && new GleanerError(knownCode(error.code, 500), error.message);
    if (call === undefined) throw refusal ?? new Error("it sent no number of a call");
    const waiting = this.settle(call);
    if (refusal !== undefined) waiting?.reject(refusal);
    else if (aside === true) waiting?.resolve(null);
    else if (isContent) waiting?.resolve({ ...(rest as CalledAnswer), content: payload });
    else waiting?.resolve(withPayload(rest as CalledAnswer, payload));
  }

  private settle(call: number): Waiting | undefined {
    const waiting = this.waiting.get(call);
    this.waiting.delete(call);
    waiting?.leave();
    // A program may end while nothing is called.
    if (this.waiting.size === 0) this.socket.unref().setTimeout(idleMs);
    return waiting;
  }

  private break(error: Error): void {
    if (this.broken !== null) return;
    this.broken = whyBroken(this.address, true, error);
    this.socket.destroy();
    for (const call of [...this.waiting.keys()]) this.settle(call)!.reject(this.broken);
  }
}

/** What gleanerd says beside the answer. */
interface Said extends Following {
  readonly call?: number;
  readonly error?: { readonly code: string; readonly message: string };
  readonly aside?: boolean;
}

function framesOf(call: number, { input, ...rest }: LineRequest): readonly Uint8Array[] {
  const head = { call, ...rest };
  if (isCarried(input)) {
    const { contentType, body } = input;
    const frame = callFrame({ ...head, input: { contentType }, followsBytes: body.length });
    return [frame, frameHeader(body.length), body];
  }
  const payload = payloadOf(input);
  const { contentType } = payload;
  if (!isStored(payload)) return [callFrame({ ...head, input: { contentType } }, payload.body)];
  return [callFrame({ ...head, input: { contentType, blob: payload.blob } })];
}

/** A short result is the payload of its frame. */
function withPayload(answered: CalledAnswer, body: Buffer): CalledAnswer {
  const { answer } = answered;
  if (answer?.kind !== "result" || answer.payload.blob !== undefined) return answered;
  const { contentType } = answer.payload;
  return { ...answered, answer: { kind: "result", payload: payloadText({ contentType, body }) } };
}
