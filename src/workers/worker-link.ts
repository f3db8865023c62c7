// What every connection to a worker does: the greeting, loading a handler, logs, and the end with
// its reason. Whoever uses it handles all other frames.

import type { Duplex } from "node:stream";
import {
  encodeFrame,
  encodeHead,
  FrameDecoder,
  FrameError,
  type FrameHead,
  type FrameType,
  join,
} from "../wire/worker/frame.js";
import { protocolVersions } from "../wire/worker/limits.js";
import {
  type Bye,
  decodeBye,
  decodeError,
  decodeHello,
  decodeLoaded,
  decodeLogStream,
  encodeBye,
  encodeLoad,
  type HandlerError,
  type Hello,
  type Load,
  type Loaded,
  type LogStream,
} from "../wire/worker/messages.js";
import { type Input, inputBytes, Outgoing, type Sending } from "./outgoing.js";
import { WorkerFailure } from "./worker-failure.js";

/** Takes the payload of one frame. */
export interface Body {
  write(piece: Buffer): void;
  end(): void;
}

/** What the owner of a link does; each may throw WorkerFailure, which ends the link. */
export interface LinkOwner {
  /** A frame that the link does not handle itself. */
  onFrame(head: FrameHead): Body;
  onLog(id: number, stream: LogStream, bytes: Buffer): void;
  /** Why it ends, if its reason does not say all; may be omitted. */
  endedBy?(bye: Bye): WorkerFailure | null;
  /** Called once. */
  onClosed(failure: WorkerFailure): void;
}

export type LoadOrder = Omit<Load, "protocolVersion">;

export type Greeting =
  | { readonly kind: "ready"; readonly hello: Hello }
  | { readonly kind: "lost"; readonly failure: WorkerFailure };

export type LoadEnd =
  | ({ readonly kind: "loaded" } & Loaded)
  /** The user's code cannot be loaded; the worker is of no further use. */
  | { readonly kind: "failed"; readonly error: HandlerError }
  | { readonly kind: "lost"; readonly failure: WorkerFailure };

const nothing = Buffer.alloc(0);

export class WorkerLink {
  private readonly outgoing: Outgoing;
  private readonly decoder: FrameDecoder;
  private failure: WorkerFailure | null = null;
  private hello: Hello | null = null;
  private body: Body | null = null;
  private waitsForHello: ((greeting: Greeting) => void)[] = [];
  private waitsForLoad: ((end: LoadEnd) => void) | null = null;
  private isLoaded = false;
  private holds = 0;

  constructor(
    private readonly socket: Duplex,
    private readonly owner: LinkOwner,
  ) {
    this.outgoing = new Outgoing(socket, (failure) => this.fail(failure));
    this.decoder = new FrameDecoder({
      onHead: (head) => {
        this.body = this.bodyFor(head);
      },
      onPayload: (piece) => this.body!.write(piece),
      onEnd: () => this.body!.end(),
    });
    socket.on("data", (piece: Buffer) => this.read(piece));
    socket.on("error", (error) => this.closed(`: ${error.message}`));
    socket.on("end", () => this.closed(""));
    socket.on("close", () => this.closed(""));
    // Who hands over a socket pauses it, so that nothing gets lost.
    socket.resume();
  }

  get isOpen(): boolean {
    return this.failure === null;
  }

  /** Bytes that the worker has not read yet. */
  get unsentBytes(): number {
    return this.socket.writableLength;
  }

  /** Resolves once the worker has said hello. */
  greeted(): Promise<Greeting> {
    const { hello, failure } = this;
    if (failure !== null) return Promise.resolve({ kind: "lost", failure });
    if (hello !== null) return Promise.resolve({ kind: "ready", hello });
    return new Promise((resolve) => this.waitsForHello.push(resolve));
  }

  /** To be called once. */
  async load(order: LoadOrder): Promise<LoadEnd> {
    const greeting = await this.greeted();
    if (greeting.kind === "lost") return greeting;
    const protocolVersion = Math.min(greeting.hello.highestVersion, protocolVersions.highest);
    return new Promise((resolve) => {
      this.waitsForLoad = resolve;
      this.send("load", 0, nothing, encodeLoad({ ...order, protocolVersion }));
    });
  }

  /** `tell`: how far it is. */
  send(
    type: FrameType,
    id: number,
    metadata: Uint8Array = nothing,
    input: Input = nothing,
    tell?: (sending: Sending) => void,
  ): void {
    const head = encodeHead(type, id, metadata, inputBytes(input));
    if (this.isOpen) this.outgoing.send(head, input, tell);
  }

  /** Reads nothing until the promise is settled. */
  hold(until: Promise<void>): void {
    this.holds++;
    this.socket.pause();
    void until.finally(() => {
      this.holds--;
      if (this.holds === 0) this.socket.resume();
    });
  }

  /** Says bye; the worker exits by itself if it obeys. */
  close(reason = ""): void {
    if (!this.isOpen) return;
    this.outgoing.send(encodeFrame("bye", 0, encodeBye(reason)));
    this.settle(new WorkerFailure("STOPPED", reason || "the executor closed the connection"));
    this.socket.end();
    this.socket.resume();
  }

  fail(failure: WorkerFailure): void {
    if (!this.isOpen) return;
    this.settle(failure);
    this.socket.destroy();
  }

  private settle(failure: WorkerFailure): void {
    this.failure = failure;
    const lost = { kind: "lost", failure } as const;
    for (const resolve of this.waitsForHello) resolve(lost);
    this.waitsForHello = [];
    this.waitsForLoad?.(lost);
    this.waitsForLoad = null;
    this.owner.onClosed(failure);
  }

  private closed(why: string): void {
    const where = this.decoder.isBetweenFrames ? "" : " in the middle of a message";
    this.fail(new WorkerFailure("CLOSED", `the worker closed its connection${where}${why}`));
  }

  private read(piece: Buffer): void {
    if (!this.isOpen) return;
    try {
      this.decoder.push(piece);
    } catch (thrown) {
      if (thrown instanceof WorkerFailure) this.fail(thrown);
      else if (thrown instanceof FrameError)
        this.fail(new WorkerFailure(thrown.code, `the worker sent garbage: ${thrown.message}`));
      else throw thrown;
    }
  }

  private bodyFor(head: FrameHead): Body {
    if (!this.isOpen) return ignored;
    const { type, id, metadata } = head;
    if (this.hello === null && type !== "hello" && type !== "bye" && type !== "log")
      throw outOfTurn(`${type} before hello`);
    switch (type) {
      case "hello":
        return collected((payload) => this.onHello(decodeHello(payload)));
      case "loaded":
        return collected((payload) => this.onLoadEnd({ kind: "loaded", ...decodeLoaded(payload) }));
      case "loadFailed":
        return collected((payload) =>
          this.onLoadEnd({ kind: "failed", error: decodeError(payload) }),
        );
      case "log": {
        const stream = decodeLogStream(metadata);
        return collected((payload) => this.owner.onLog(id, stream, payload));
      }
      case "bye":
        return collected((payload) => {
          const bye = decodeBye(payload);
          const reason = bye.reason || "the worker ended by itself";
          throw this.owner.endedBy?.({ ...bye, reason }) ?? new WorkerFailure("LEFT", reason);
        });
      default:
        if (!this.isLoaded) throw outOfTurn(`${type} before its handler was loaded`);
        return this.owner.onFrame(head);
    }
  }

  private onHello(hello: Hello): void {
    if (this.hello !== null) throw outOfTurn("hello twice");
    const { lowestVersion, highestVersion } = hello;
    const { lowest, highest } = protocolVersions;
    if (lowestVersion > highest || highestVersion < lowest) {
      const message = `the worker speaks versions ${lowestVersion} to ${highestVersion} of the protocol and the executor ${lowest} to ${highest}: install a runtime of the same release`;
      throw new WorkerFailure("VERSION", message);
    }
    this.hello = hello;
    for (const resolve of this.waitsForHello) resolve({ kind: "ready", hello });
    this.waitsForHello = [];
  }

  private onLoadEnd(end: LoadEnd): void {
    if (this.waitsForLoad === null) throw outOfTurn("the end of a load that was not asked for");
    this.isLoaded = end.kind === "loaded";
    this.waitsForLoad(end);
    this.waitsForLoad = null;
  }
}

/** Collects a small payload whole. */
export function collected(use: (payload: Buffer) => void): Body {
  const pieces: Buffer[] = [];
  return { write: (piece) => void pieces.push(piece), end: () => use(join(pieces)) };
}

/** For what nobody waits for, such as all that still arrives after the end. */
export const ignored: Body = { write: () => {}, end: () => {} };

export const outOfTurn = (what: string): WorkerFailure =>
  new WorkerFailure("OUT_OF_TURN", `the worker sent ${what}`);
