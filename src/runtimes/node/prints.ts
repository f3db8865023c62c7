// What handlers print, as log frames of their calls: replaces the writing to process.stdout and
// process.stderr, over which console prints as well.

import { AsyncLocalStorage } from "node:async_hooks";
import { encodeHead, headerBytes } from "../../wire/worker/frame.js";
import { maxLogPieceBytes } from "../../wire/worker/limits.js";
import { encodeLogStream, type LogStream } from "../../wire/worker/messages.js";

/** The log of one call; id 0 is that of everything outside of calls. */
export interface CallLog {
  readonly id: number;
  leftBytes: number;
  isFull: boolean;
}

/** The first piece after which a log is full is replaced by this. */
const droppedNotice = "[the log of this call is full: what it prints from here is dropped]\n";

type Done = (error?: Error | null) => void;

export class Prints {
  private readonly current = new AsyncLocalStorage<CallLog>();
  private other = this.logFor(0);

  constructor(
    private readonly send: (frame: Buffer) => void,
    private limitBytes: number,
  ) {}

  /** From now on what is printed becomes log frames. */
  capture(): void {
    for (const stream of ["stdout", "stderr"] as const)
      process[stream].write = (
        text: string | Uint8Array,
        encoding?: BufferEncoding | Done,
        done?: Done,
      ): boolean => {
        const bytes =
          typeof text === "string"
            ? Buffer.from(text, typeof encoding === "string" ? encoding : "utf8")
            : Buffer.from(text);
        this.print(this.currentLog ?? this.other, stream, bytes);
        const callback = typeof encoding === "function" ? encoding : done;
        if (callback !== undefined) process.nextTick(callback);
        return true;
      };
  }

  setLimit(limitBytes: number): void {
    this.limitBytes = limitBytes;
    this.renew();
  }

  /** A call arrived: what is printed outside of calls is counted from here. */
  renew(): void {
    this.other = this.logFor(0);
  }

  /** What is printed outside of calls belongs to this log until renew() is called. */
  useLog(log: CallLog): void {
    this.other = log;
  }

  logFor(id: number): CallLog {
    return { id, leftBytes: this.limitBytes, isFull: false };
  }

  /** Runs a handler so that what it prints belongs to its call, also after an await. */
  during<Result>(log: CallLog, run: () => Result): Result {
    return this.current.run(log, run);
  }

  /** That of the call whose handler runs now, or called what runs now; null if none did. */
  get currentLog(): CallLog | null {
    return this.current.getStore() ?? null;
  }

  /** No handler runs any more: promises need not remember whose they are. */
  release(): void {
    this.current.disable();
  }

  print(log: CallLog, stream: LogStream, bytes: Buffer): void {
    for (let from = 0; from < bytes.length && !log.isFull; from += maxLogPieceBytes) {
      const piece = bytes.subarray(from, from + maxLogPieceBytes);
      const cost = piece.length + headerBytes + 1;
      log.isFull = cost > log.leftBytes;
      log.leftBytes -= cost;
      this.sendPiece(log.id, stream, log.isFull ? Buffer.from(droppedNotice) : piece);
    }
  }

  private sendPiece(id: number, stream: LogStream, piece: Buffer): void {
    this.send(Buffer.concat([encodeHead("log", id, encodeLogStream(stream), piece.length), piece]));
  }
}
