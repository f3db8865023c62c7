// The connection over which a program's calls travel, many at a time: opened by the first call, and
// again after it broke.

import type { Socket } from "node:net";
import { GleanerError } from "../../model/errors.js";
import {
  type CallFrame,
  callFrame,
  callPath,
  callProtocol,
  maxAnswerFrameBytes,
  readCallFrame,
} from "../../wire/api/call-frames.js";
import { maxHeadBytes } from "../../wire/api/limits.js";
import { payloadOf, payloadText } from "../../wire/api/payloads.js";
import type { CalledAnswer, CallRequest } from "../../wire/api/types.js";
import { FrameReader } from "../../wire/frames.js";
import { knownCode, parse, understand, whyBroken } from "../answer.js";
import { type Address, open } from "../http.js";

/** Shorter than gleanerd's own limit. */
const idleMs = 30_000;
const openMs = 10_000;

/** gleanerd, or something before it, knows no such connections. */
export class NoLineError extends Error {}

interface Waiting {
  readonly resolve: (answer: CalledAnswer) => void;
  readonly reject: (error: unknown) => void;
  readonly leave: () => void;
}

/** One connection. Calls on it reject with BrokenOffError once it breaks. */
export class CallLine {
  private readonly waiting = new Map<number, Waiting>();
  private readonly reader = new FrameReader(maxAnswerFrameBytes);
  private lastCall = 0;
  private broken: GleanerError | null = null;

  private constructor(
    private readonly address: Address,
    private readonly socket: Socket,
  ) {}

  /** Rejects with NoLineError, gleanerd's refusal, or UNREACHABLE. */
  static async open(address: Address, token: string): Promise<CallLine> {
    const socket = await open(address);
    const line = new CallLine(address, socket);
    await line.upgrade(token);
    return line;
  }

  get isOpen(): boolean {
    return this.broken === null;
  }

  call(request: CallRequest, timeoutMs: number, signal?: AbortSignal): Promise<CalledAnswer> {
    if (this.broken !== null) return Promise.reject(this.broken);
    if (signal?.aborted) return Promise.reject(signal.reason);
    const call = ++this.lastCall;
    const { input, ...rest } = request;
    const payload = payloadOf(input);
    const [named, body] =
      "blob" in payload
        ? [{ contentType: payload.contentType, blob: payload.blob }, undefined]
        : [{ contentType: payload.contentType }, payload.body];
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
      this.socket.write(callFrame({ call, ...rest, input: named }, body));
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
        this.answered(readCallFrame(content));
    } catch (error) {
      this.break(error as Error);
    }
  }

  /** Without the number of a call gleanerd refuses the connection. */
  private answered({ head, payload }: CallFrame): void {
    const { call, error, ...rest } = head as Partial<CalledAnswer> & {
      call?: number;
      error?: { code: string; message: string };
    };
    const refusal = error && new GleanerError(knownCode(error.code, 500), error.message);
    if (call === undefined) throw refusal ?? new Error("it sent no number of a call");
    const waiting = this.settle(call);
    if (refusal !== undefined) waiting?.reject(refusal);
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

/** A short result is the payload of its frame. */
function withPayload(answered: CalledAnswer, body: Buffer): CalledAnswer {
  const { answer } = answered;
  if (answer?.kind !== "result" || answer.payload.blob !== undefined) return answered;
  const { contentType } = answer.payload;
  return { ...answered, answer: { kind: "result", payload: payloadText({ contentType, body }) } };
}
