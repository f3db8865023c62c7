// Sends standard input or a file to the tasks, as fast as they take it.

import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { GleanerError } from "../../model/errors.js";
import type { RunSession } from "../../sdk/run/session.js";
import type { RunSettings } from "./options.js";

type Receiver = Pick<RunSession, "inputRoom" | "sendInput">;

const nothing: Buffer = Buffer.alloc(0);

export class Input {
  /** Bytes that the tasks of a session were sent. */
  sentBytes = 0;
  private pending = nothing;
  private hasEnded = false;
  private isOver = false;
  private receiver: Receiver | null = null;
  private source: Readable | null = null;

  constructor(
    private readonly from: RunSettings["input"],
    private readonly onProblem: (problem: GleanerError) => void,
  ) {}

  /** Begins to send; a file is read from its beginning. */
  begin(receiver: Receiver): void {
    this.receiver = receiver;
    if (this.from === "none") return;
    if (typeof this.from === "object") this.close();
    this.source ??= this.open();
    this.isOver = false;
    this.move();
  }

  /** The session is gone; what was read and not sent is for the next one. */
  pause(): void {
    this.receiver = null;
    this.source?.pause();
  }

  /** The tasks take more. */
  move(): void {
    const { receiver } = this;
    if (receiver === null || this.isOver) return;
    while (this.pending.length > 0 && receiver.inputRoom > 0) {
      const piece = this.pending.subarray(0, receiver.inputRoom);
      receiver.sendInput(piece);
      this.sentBytes += piece.length;
      this.pending = this.pending.subarray(piece.length);
    }
    if (this.pending.length > 0) return;
    if (!this.hasEnded) this.source?.resume();
    else {
      this.isOver = true;
      receiver.sendInput(nothing);
    }
  }

  /** Releases the source, which would keep the process alive. */
  close(): void {
    this.source?.destroy();
    this.source = null;
    this.hasEnded = false;
    this.pending = nothing;
  }

  private open(): Readable {
    const source: Readable =
      typeof this.from === "object" ? createReadStream(this.from.file) : process.stdin;
    source.on("data", (bytes: Buffer) => {
      source.pause();
      this.pending = bytes;
      this.move();
    });
    source.on("end", () => {
      this.hasEnded = true;
      this.move();
    });
    source.on("error", (problem: Error) => {
      if (typeof this.from === "object")
        this.onProblem(
          new GleanerError("BAD_REQUEST", `cannot read the input: ${problem.message}`),
        );
      // As a terminal that is gone.
      this.hasEnded = true;
      this.move();
    });
    return source;
  }
}
