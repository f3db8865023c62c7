// One call over a lease: from worker to worker until it has ended, then through gleanerd.

import { clearTimeout, monotonicMs, setTimeout } from "../../clock.js";
import { errorCodeOf } from "../../model/errors.js";
import type { ReceivedFrame } from "../../wire/direct/reader.js";
import { decodeText } from "../../wire/worker/fields.js";
import type { HandlerError } from "../../wire/worker/messages.js";
import { CallError, FunctionError } from "../calls/errors.js";
import { Content } from "../calls/payloads.js";
import type { QueuedCall } from "./lines.js";

/** What calls need of their lease. */
export interface LeaseWays {
  /** Although its worker was lost, and it may have run there. */
  readonly mayRunAgain: boolean;
  again(call: LeaseCall): void;
  withdraw(call: LeaseCall): void;
  /** Through gleanerd. */
  elsewhere(
    input: Content,
    limits: { readonly timeLimitMs: number; readonly signal: AbortSignal },
  ): Promise<unknown>;
  onEnd(call: LeaseCall): void;
}

export interface CallOrder {
  readonly name: string;
  readonly contentType: string;
  readonly body: Uint8Array;
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
}

/** A longer timer ends at once. */
const maxTimerMs = 2 ** 31 - 1;
/** A call that ends its workers goes through gleanerd, which tells why. */
const maxLost = 2;
const binary = "application/octet-stream";
const json = /^application\/json\b/;
const text = /^text\//;

export class LeaseCall implements QueuedCall {
  readonly name: string;
  readonly contentType: string;
  readonly body: Uint8Array;
  readonly deadlineMs: number;
  attempt = 1;
  private isEnded = false;
  /** Stops it where it went. */
  private elsewhere: AbortController | null = null;
  private readonly signal: AbortSignal | undefined;
  private readonly abort: (() => void) | null;

  constructor(
    { name, contentType, body, deadlineMs, signal }: CallOrder,
    private readonly ways: LeaseWays,
    private readonly onResult: (value: unknown) => void,
    private readonly onError: (error: unknown) => void,
  ) {
    this.name = name;
    this.contentType = contentType;
    this.body = body;
    this.deadlineMs = deadlineMs;
    this.signal = signal;
    this.abort = signal === undefined ? null : () => this.reject(signal.reason);
    if (this.abort !== null) signal!.addEventListener("abort", this.abort);
  }

  succeed(result: ReceivedFrame): void {
    if (!this.leave()) return;
    try {
      this.onResult(resultOf(result));
    } catch (cause) {
      const message = `call ${this.name}: its result is not valid JSON`;
      this.onError(new CallError("FAILED", this.name, message, { cause }));
    }
  }

  fail({ type, message, stack }: HandlerError): void {
    const error = { type, message, stack: stack === "" ? null : stack };
    if (this.leave()) this.onError(new FunctionError(this.name, error));
  }

  notRun(): void {
    if (!this.isEnded) this.ways.again(this);
  }

  lost(reason: string): void {
    if (this.isEnded) return;
    if (!this.ways.mayRunAgain) {
      const message = `call ${this.name}: ${reason}; it may have run`;
      this.reject(new CallError("LEASE_LOST", this.name, message));
      return;
    }
    this.attempt++;
    if (this.attempt <= maxLost) this.ways.again(this);
    else void this.noWorker();
  }

  noWorker(): Promise<boolean> {
    return this.isEnded ? Promise.resolve(true) : this.goElsewhere();
  }

  expire(): void {
    const message = `call ${this.name}: no answer within its time limit`;
    this.reject(new CallError("TIMEOUT", this.name, message));
  }

  /** Ends the call here, whether or not it goes on in a worker. */
  reject(error: unknown): void {
    if (!this.leave()) return;
    this.ways.withdraw(this);
    this.onError(error);
  }

  private async goElsewhere(): Promise<boolean> {
    const leftMs = Math.max(1, Math.ceil(this.deadlineMs - monotonicMs()));
    const stop = new AbortController();
    const timer = setTimeout(() => this.expire(), Math.min(maxTimerMs, leftMs));
    this.elsewhere = stop;
    try {
      const input = new Content(this.contentType, this.body);
      const limits = { timeLimitMs: leftMs, signal: stop.signal };
      const value = await this.ways.elsewhere(input, limits);
      if (this.leave()) this.onResult(value);
      return true;
    } catch (error) {
      if (this.leave()) this.onError(error);
      return errorCodeOf(error) !== "UNREACHABLE";
    } finally {
      clearTimeout(timer);
    }
  }

  /** False if it has ended before. */
  private leave(): boolean {
    if (this.isEnded) return false;
    this.isEnded = true;
    if (this.abort !== null) this.signal!.removeEventListener("abort", this.abort);
    this.elsewhere?.abort();
    this.ways.onEnd(this);
    return true;
  }
}

function resultOf(result: ReceivedFrame): unknown {
  const type = decodeText(result.bytes, result.metadataAt, result.payloadAt);
  if (type === binary) return bytesOf(result);
  if (json.test(type)) return JSON.parse(result.payload.toString());
  return text.test(type) ? result.payload.toString() : bytesOf(result);
}

/** Large bytes are not copied. */
function bytesOf({ payload, isOwn }: ReceivedFrame): Uint8Array {
  if (!isOwn) return new Uint8Array(payload);
  return new Uint8Array(payload.buffer, payload.byteOffset, payload.length);
}
