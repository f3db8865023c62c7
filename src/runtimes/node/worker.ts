// A worker's calls: takes frames, runs at most as many handlers at once as it was told, and answers
// each call exactly once.

import { format } from "node:util";
import { monotonicMs } from "../../clock.js";
import { encodeFrame, encodeHead, type Frame } from "../../wire/worker/frame.js";
import { protocolVersions } from "../../wire/worker/limits.js";
import {
  type CallHead,
  decodeCallHead,
  decodeLoad,
  encodeContentType,
  encodeError,
  encodeHello,
  encodeLoaded,
  type HandlerError,
} from "../../wire/worker/messages.js";
import { CallContext, type Handler } from "./context.js";
import { loadHandler } from "./handler.js";
import type { CallLog, Prints } from "./prints.js";
import { describeThrown } from "./user-error.js";
import { readInput, writeOutput } from "./values.js";

interface Call {
  readonly id: number;
  readonly head: CallHead;
  readonly payload: Buffer;
  readonly log: CallLog;
  readonly arrivedMs: number;
  /** null until the handler runs. */
  context: CallContext | null;
}

export interface Answers {
  /** Sends what the pieces are together. */
  send(...pieces: readonly Uint8Array[]): void;
  /** The executor wants the worker to end. */
  leave(): void;
}

export class Worker {
  private handler: Handler | null = null;
  private concurrency = 1;
  private outputLimitBytes = 0;
  private readonly running = new Map<number, Call>();
  private readonly waiting: Call[] = [];

  constructor(
    private readonly answers: Answers,
    private readonly prints: Prints,
  ) {}

  greet(): void {
    const hello = {
      lowestVersion: protocolVersions.lowest,
      highestVersion: protocolVersions.highest,
      runtime: "node",
      languageVersion: process.versions.node,
    };
    this.answers.send(encodeFrame("hello", 0, encodeHello(hello)));
  }

  readonly onFrame = (frame: Frame): void => {
    switch (frame.type) {
      case "load":
        void this.load(frame);
        return;
      case "call":
        this.take(frame);
        return;
      case "cancel":
        this.cancel(frame.id);
        return;
      case "bye":
        this.answers.leave();
        return;
      default:
        throw new Error(`the executor sent ${frame.type}, which only workers send`);
    }
  };

  /** The answers of all calls that run, because the process cannot go on. */
  failRunning(error: HandlerError): Buffer[] {
    const ids = [...this.running.keys()];
    this.running.clear();
    return ids.map((id) => encodeFrame("error", id, encodeError(error)));
  }

  private async load({ payload }: Frame): Promise<void> {
    const { directory, handler, concurrency, outputLimitBytes, logLimitBytes, environment } =
      decodeLoad(payload);
    this.concurrency = concurrency;
    this.outputLimitBytes = outputLimitBytes;
    this.prints.setLimit(logLimitBytes);
    try {
      if (environment !== undefined) {
        Object.assign(process.env, environment);
        process.chdir(directory);
      }
      this.handler = await loadHandler(directory, handler);
      this.answers.send(encodeFrame("loaded", 0, encodeLoaded({ concurrency })));
    } catch (thrown) {
      this.answers.send(encodeFrame("loadFailed", 0, encodeError(describeThrown(thrown))));
    }
  }

  private take({ id, metadata, payload }: Frame): void {
    this.prints.renew();
    const head = decodeCallHead(metadata);
    const log = this.prints.logFor(id);
    this.waiting.push({ id, head, payload, log, arrivedMs: monotonicMs(), context: null });
    this.runNext();
  }

  private runNext(): void {
    while (this.running.size < this.concurrency) {
      const call = this.waiting.shift();
      if (call === undefined) return;
      this.running.set(call.id, call);
      void this.run(call);
    }
  }

  private async run(call: Call): Promise<void> {
    const { id, head, payload, log } = call;
    const context = new CallContext(head, monotonicMs() - call.arrivedMs, (...values) =>
      this.prints.print(log, "stdout", Buffer.from(`${format(...values)}\n`)),
    );
    call.context = context;
    try {
      const input = readInput(head.contentType, payload);
      const handler = this.handler!;
      const result = await this.prints.during(log, () => handler(input, context));
      this.succeed(id, result);
    } catch (thrown) {
      const error = describeThrown(thrown);
      const isObedience = context.wasCancelled && error.kind === "exception";
      this.fail(id, isObedience ? { ...error, kind: "cancelled" } : error);
    }
    this.running.delete(id);
    this.runNext();
  }

  private cancel(id: number): void {
    const at = this.waiting.findIndex((call) => call.id === id);
    if (at >= 0) {
      this.waiting.splice(at, 1);
      const message = "the call was cancelled before its handler was called";
      this.answers.send(
        encodeFrame(
          "error",
          id,
          encodeError({ kind: "cancelled", type: "Cancelled", message, stack: "" }),
        ),
      );
    } else this.running.get(id)?.context?.cancel();
  }

  private succeed(id: number, result: unknown): void {
    const { contentType, bytes } = writeOutput(result, this.outputLimitBytes);
    if (!this.running.has(id)) return;
    const metadata = encodeContentType(contentType);
    this.answers.send(encodeHead("result", id, metadata, bytes.length), bytes);
  }

  /** Not if it was answered when another part of the process failed. */
  private fail(id: number, error: HandlerError): void {
    if (this.running.has(id)) this.answers.send(encodeFrame("error", id, encodeError(error)));
  }
}
