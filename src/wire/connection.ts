// One authenticated connection: typed messages in sealed frames, beats, and a close with a reason,
// each with limits.

import { createHmac, timingSafeEqual } from "node:crypto";
import type { Socket } from "node:net";
import { monotonicMs } from "../clock.js";
import { GleanerError, messageOf } from "../model/errors.js";
import { Gathered } from "./flow/gathered.js";
import type { Inflow } from "./flow/inflow.js";
import { type FrameReader, frameOf } from "./frames.js";
import { beatMs, maxFrameBytes, maxFrameMessages, maxReportBytes, silenceMs } from "./messages.js";
import { pack, unpackAll } from "./packing.js";

/** Half of HMAC-SHA256, truncated as in IPsec and TLS. */
const sealBytes = 16;
/**
 * The most data that a peer may leave unread before the connection ends: eight of the largest
 * frames.
 */
export const maxUnsentBytes = 8 * maxFrameBytes;
/** For how long other peers wait until this one has read its data. */
const slowMs = 500;
/**
 * A close lets sent data arrive, but does not wait longer than this for a peer that no longer
 * reads.
 */
const closeMs = 2_000;

export interface Beat {
  readonly type: "beat";
}
interface Message {
  readonly type: string;
}

export interface Timing {
  readonly beatMs: number;
  readonly silenceMs: number;
}

export interface Handlers<Out, In> {
  /** How much the peer may send; if omitted, it is trusted and read without limits. */
  readonly inflow?: Inflow<Out>;
  onMessage(message: Exclude<In, Beat>): void;
  /**
   * Called once; `error` says why in one sentence, or is null after an orderly end by either side.
   * `isTheirs`: the peer itself, not somebody in between, sent an invalid message.
   */
  onClose(error: GleanerError | null, isTheirs?: boolean): void;
}

/** The seal of one direction: rejects frames that were changed, repeated, omitted or reflected. */
class Seal {
  private sequence = 0n;
  constructor(
    private readonly key: Buffer,
    private readonly direction: "daemon" | "executor",
  ) {}

  next(payloads: readonly Uint8Array[]): Buffer {
    const head = Buffer.allocUnsafe(8);
    head.writeBigUInt64BE(this.sequence++);
    const hmac = createHmac("sha256", this.key).update(this.direction).update(head);
    for (const payload of payloads) hmac.update(payload);
    return hmac.digest().subarray(0, sealBytes);
  }
}

/**
 * A connection whose two ends have proven their identities (see handshake.ts). Sends a beat every
 * `beatMs` and ends after `silenceMs` without data. Reads nothing before `listen`.
 */
export class Connection<Out extends Message, In extends Message> {
  private readonly seal: Seal;
  private readonly expected: Seal;
  private handlers: Handlers<Out, In> | null = null;
  /** undefined while open. */
  private closed: GleanerError | null | undefined;
  private heardAtMs = monotonicMs();
  private readonly beats: NodeJS.Timeout;
  private readonly maxBytes: number;
  private resting: NodeJS.Timeout | null = null;
  private readonly gathered: Gathered;
  /** Whether the data being read carries the peer's seal. */
  private isSealed = false;

  /**
   * `check` turns decoded data into a message or throws PROTOCOL: the peer is known, but may be
   * hostile. `reader` may hold bytes that arrived with the end of the handshake.
   */
  constructor(
    private readonly socket: Socket,
    private readonly reader: FrameReader,
    sessionKey: Buffer,
    side: "daemon" | "executor",
    private readonly check: (value: unknown) => In,
    private readonly timing: Timing = { beatMs, silenceMs },
  ) {
    this.seal = new Seal(sessionKey, side);
    this.expected = new Seal(sessionKey, side === "daemon" ? "executor" : "daemon");
    const isDaemon = side === "daemon";
    this.maxBytes = isDaemon ? maxFrameBytes : maxReportBytes;
    this.gathered = new Gathered(this.maxBytes, (payloads) => this.leave(payloads));
    reader.maxBytes = (isDaemon ? maxReportBytes : maxFrameBytes) + sealBytes;
    socket.setNoDelay(true);
    socket.on("error", (cause) => this.end(unreachable("the connection broke", cause)));
    socket.on("end", () => this.end(null));
    socket.on("close", () => this.end(null));
    this.beats = setInterval(() => this.beat(), timing.beatMs);
  }

  /** Starts reading; reports at once a close that has already happened. */
  listen(handlers: Handlers<Out, In>): void {
    this.handlers = handlers;
    if (this.closed !== undefined) {
      handlers.onClose(this.closed);
      return;
    }
    this.socket.on("data", (piece: Buffer) => {
      this.reader.push(piece);
      this.readFrames();
    });
    this.readFrames();
    this.socket.resume();
  }

  get isOpen(): boolean {
    return this.closed === undefined;
  }

  /**
   * Returns false if the connection is closed and nothing was sent. Throws LIMIT_REACHED for a
   * message over `maxFrameBytes`. Somebody waits for what `isAwaited`: it leaves at once.
   */
  send(message: Out, isAwaited = false): boolean {
    const isSent = this.write(message);
    if (isAwaited) this.gathered.flush();
    return isSent;
  }

  /** What the peer has not taken yet. */
  get unsentBytes(): number {
    return this.gathered.bytes + this.socket.writableLength;
  }

  /**
   * Resolves once the peer has taken most of the sent data, reads too slowly, or the connection is
   * closed.
   */
  async flushed(): Promise<void> {
    const { socket } = this;
    if (!this.isOpen || !socket.writableNeedDrain) return;
    await new Promise<void>((resolve) => {
      const late = setTimeout(() => done(), slowMs);
      const done = () => {
        clearTimeout(late);
        socket.off("drain", done);
        socket.off("close", done);
        resolve();
      };
      socket.on("drain", done);
      socket.on("close", done);
    });
  }

  /**
   * Ends the connection after the sent data, in an orderly way; resolves once the socket is closed.
   */
  async close(): Promise<void> {
    this.end(null);
    if (!this.socket.closed)
      await new Promise<void>((resolve) => this.socket.once("close", () => resolve()));
  }

  private write(message: Out | Beat): boolean {
    if (!this.isOpen) return false;
    const payload = pack(message);
    if (payload.length > this.maxBytes)
      throw new GleanerError(
        "LIMIT_REACHED",
        `a message of ${payload.length} bytes exceeds the frame limit of ${this.maxBytes} bytes`,
      );
    if (message.type !== "beat") this.handlers?.inflow?.sent(message as Out);
    // Until then the executor only keeps a report for longer.
    this.gathered.add(payload, message.type === "recorded");
    // A pilot that says that it is preempted kills itself in this very turn.
    if (message.type === "preempted") this.gathered.flush();
    const { unsentBytes } = this;
    if (unsentBytes > maxUnsentBytes) {
      this.end(unreachable(`the peer left ${unsentBytes} bytes unread`));
      return false;
    }
    return true;
  }

  private leave(payloads: readonly Uint8Array[]): void {
    if (!this.socket.destroyed) this.socket.write(frameOf([this.seal.next(payloads), ...payloads]));
  }

  private readFrames(): void {
    try {
      while (this.isOpen && !this.rests()) {
        const content = this.reader.next();
        if (content === null) return;
        for (const message of this.open(content))
          if (message.type !== "beat" && this.isOpen)
            this.handlers!.onMessage(message as Exclude<In, Beat>);
      }
    } catch (thrown) {
      if (!(thrown instanceof GleanerError && thrown.code === "PROTOCOL")) throw thrown;
      this.end(thrown, this.isSealed);
    }
  }

  /** Whether the peer has sent too much for now, so that nothing is read from it for a while. */
  private rests(): boolean {
    const waitMs = this.handlers?.inflow?.waitMs() ?? 0;
    if (waitMs === 0) return false;
    this.socket.pause();
    this.resting ??= setTimeout(() => {
      this.resting = null;
      this.heardAtMs = monotonicMs();
      this.readFrames();
      if (this.resting === null) this.socket.resume();
    }, waitMs);
    return true;
  }

  /** Checks the seal before decoding, and the shapes before use. */
  private open(content: Buffer): readonly In[] {
    this.isSealed = false;
    const payload = content.subarray(sealBytes);
    const seal = content.subarray(0, sealBytes);
    if (seal.length !== sealBytes || !timingSafeEqual(seal, this.expected.next([payload])))
      throw new GleanerError("PROTOCOL", "a frame has an invalid seal");
    this.isSealed = true;
    this.heardAtMs = monotonicMs();
    const messages = decode(payload).map(this.check);
    this.handlers?.inflow?.took(content.length, messages.length);
    return messages;
  }

  private beat(): void {
    const silentMs = this.resting === null ? monotonicMs() - this.heardAtMs : 0;
    if (silentMs > this.timing.silenceMs)
      this.end(unreachable(`the peer sent nothing for ${silentMs} ms`));
    else this.write({ type: "beat" });
  }

  private end(error: GleanerError | null, isTheirs = false): void {
    if (this.closed !== undefined) return;
    if (error === null) this.gathered.flush();
    this.closed = error;
    clearInterval(this.beats);
    if (this.resting !== null) clearTimeout(this.resting);
    if (error === null && !this.socket.destroyed) {
      this.socket.end();
      this.socket.resume();
      setTimeout(() => this.socket.destroy(), closeMs).unref();
    } else this.socket.destroy();
    this.handlers?.onClose(error, isTheirs);
  }
}

function decode(payload: Buffer): readonly unknown[] {
  let messages: readonly unknown[];
  try {
    messages = unpackAll(payload);
  } catch (cause) {
    throw new GleanerError("PROTOCOL", `cannot decode a frame: ${messageOf(cause)}`, { cause });
  }
  if (messages.length > maxFrameMessages)
    throw new GleanerError(
      "PROTOCOL",
      `a frame has ${messages.length} messages; the limit is ${maxFrameMessages}`,
    );
  return messages;
}

function unreachable(what: string, cause?: unknown): GleanerError {
  const sentence = cause === undefined ? what : `${what}: ${messageOf(cause)}`;
  return new GleanerError("UNREACHABLE", sentence, { cause });
}
