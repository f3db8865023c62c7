// The way to a worker: frames in their order, each in one write, and inputs that are streamed
// without ever being whole in memory.

import { once } from "node:events";
import type { Duplex } from "node:stream";
import { messageOf } from "../model/errors.js";
import { WorkerFailure } from "./worker-failure.js";

/** An input that is read while it is sent. */
export interface InputStream {
  readonly bytes: number;
  readonly pieces: AsyncIterable<Uint8Array>;
}
export type Input = Uint8Array | InputStream;
/** It waits behind the input of another frame, or some of it, or all, is on its way. */
export type Sending = "waits" | "begun" | "sent";

export const inputBytes = (input: Input): number =>
  input instanceof Uint8Array ? input.length : input.bytes;

export class Outgoing {
  /** Frames that wait until an input has been streamed; null if none is. */
  private waiting: (() => void)[] | null = null;

  constructor(
    private readonly socket: Duplex,
    private readonly onFailed: (failure: WorkerFailure) => void,
  ) {}

  /** Sends a frame: its head, which announces the size of the input, and the input. */
  send(head: Buffer, input?: Input, tell: (sending: Sending) => void = () => {}): void {
    if (this.waiting !== null) {
      this.waiting.push(() => this.send(head, input, tell));
      return;
    }
    this.socket.cork();
    this.socket.write(head);
    if (input instanceof Uint8Array && input.length > 0) this.socket.write(input);
    // At once: the worker may begin while this turn does the rest.
    this.socket.uncork();
    const isWhole = input === undefined || input instanceof Uint8Array;
    tell(isWhole ? "sent" : "begun");
    if (!isWhole) void this.stream(input, () => tell("sent"));
  }

  private async stream(input: InputStream, sent: () => void): Promise<void> {
    this.waiting = [];
    try {
      let bytes = 0;
      for await (const piece of input.pieces) {
        bytes += piece.length;
        if (bytes > input.bytes) break;
        if (!this.socket.write(piece) && !this.socket.destroyed) await this.drained();
        if (this.socket.destroyed) return;
      }
      if (bytes !== input.bytes)
        throw new Error(
          `it has ${bytes > input.bytes ? "more" : "less"} than ${input.bytes} bytes`,
        );
    } catch (cause) {
      const message = `an input could not be sent: ${messageOf(cause)}`;
      this.onFailed(new WorkerFailure("INPUT", message, { cause }));
      return;
    }
    sent();
    const frames = this.waiting;
    this.waiting = null;
    for (const send of frames) send();
  }

  private async drained(): Promise<void> {
    const gone = new AbortController();
    const { signal } = gone;
    const ends = ["drain", "close"].map((event) => once(this.socket, event, { signal }));
    await Promise.race(ends).catch(() => {});
    gone.abort();
    await Promise.allSettled(ends);
  }
}
