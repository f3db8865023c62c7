// A worker as its executor sees it: takes frames, loads the function, runs calls, serves a lease.

import { messageOf } from "../../model/errors.js";
import { encodeFrame, encodeHead, type Frame } from "../../wire/worker/frame.js";
import { protocolVersions } from "../../wire/worker/limits.js";
import {
  decodeCallHead,
  decodeLoad,
  encodeBye,
  encodeContentType,
  encodeError,
  encodeHello,
  encodeLoaded,
  type HandlerError,
} from "../../wire/worker/messages.js";
import {
  decodeServe,
  decodeTerminating,
  encodeServing,
  encodeUsage,
} from "../../wire/worker/serving.js";
import { Calls, type Origin } from "./calls.js";
import { loadHandler } from "./handler.js";
import type { Prints } from "./prints.js";
import { LeaseServer } from "./serving/lease-server.js";
import { describeThrown } from "./user-error.js";
import type { Output } from "./values.js";

export interface Answers {
  /** Sends what the pieces are together. */
  send(...pieces: readonly Uint8Array[]): void;
  /** The executor wants the worker to end. */
  leave(): void;
}

export class Worker implements Origin {
  /** The executor takes every answer. */
  readonly isBackedUp = false;
  private readonly calls: Calls;
  /** The number of the call that is a lease, and who serves it once it listens. */
  private lease: { readonly id: number; server: LeaseServer | null; isCancelled: boolean } | null =
    null;

  constructor(
    private readonly answers: Answers,
    private readonly prints: Prints,
  ) {
    this.calls = new Calls(prints);
  }

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
      case "serve":
        void this.serve(frame);
        return;
      case "terminating":
        if (frame.id === this.lease?.id)
          this.lease.server?.announceEnd(decodeTerminating(frame.payload));
        return;
      case "cancel":
        if (frame.id === this.lease?.id) void this.endServing();
        else this.calls.cancel(this, frame.id);
        return;
      case "bye":
        this.answers.leave();
        return;
      default:
        throw new Error(`the executor sent ${frame.type}, which only workers send`);
    }
  };

  /**
   * The process ends. Answers the call whose handler ended it, or all that run if none is known;
   * `reason` goes to the executor, and `told` resolves once clients know.
   */
  end(error: HandlerError, reason: string): { readonly told: Promise<void> } {
    let endedBy = this.calls.failRunning(error, this.prints.currentLog);
    if (this.lease !== null && !endedBy) {
      // Calls of a lease have no logs of their own.
      this.fail(this.lease.id, error);
      endedBy = undefined;
    }
    this.answers.send(encodeFrame("bye", 0, encodeBye(reason, endedBy)));
    return { told: this.lease?.server?.leave(error.message) ?? Promise.resolve() };
  }

  succeed(id: number, { contentType, bytes }: Output): void {
    const metadata = encodeContentType(contentType);
    this.answers.send(encodeHead("result", id, metadata, bytes.length), bytes);
  }

  fail(id: number, error: HandlerError): void {
    this.answers.send(encodeFrame("error", id, encodeError(error)));
  }

  private async load({ payload }: Frame): Promise<void> {
    const { directory, handler, concurrency, outputLimitBytes, logLimitBytes, environment } =
      decodeLoad(payload);
    this.calls.concurrency = concurrency;
    this.calls.outputLimitBytes = outputLimitBytes;
    this.prints.setLimit(logLimitBytes);
    try {
      if (environment !== undefined) {
        Object.assign(process.env, environment);
        process.chdir(directory);
      }
      this.calls.handler = await loadHandler(directory, handler);
      this.answers.send(encodeFrame("loaded", 0, encodeLoaded({ concurrency })));
    } catch (thrown) {
      this.answers.send(encodeFrame("loadFailed", 0, encodeError(describeThrown(thrown))));
    }
  }

  private take({ id, metadata, payload }: Frame): void {
    this.prints.renew();
    const head = decodeCallHead(metadata);
    const log = this.prints.logFor(id);
    this.calls.take({ origin: this, id, head, payload, log, hasOwnLog: true });
  }

  private async serve({ id, payload }: Frame): Promise<void> {
    const lease = { id, server: null as LeaseServer | null, isCancelled: false };
    this.lease = lease;
    try {
      const log = this.prints.logFor(id);
      this.prints.useLog(log);
      lease.server = await LeaseServer.open(decodeServe(payload), this.calls, log, (usage) =>
        this.answers.send(encodeFrame("usage", id, encodeUsage(usage))),
      );
    } catch (thrown) {
      this.lease = null;
      const message = `the worker cannot serve its lease: ${messageOf(thrown)}`;
      this.fail(id, { kind: "exit", type: "ServeError", message, stack: "" });
      return;
    }
    this.answers.send(encodeFrame("serving", id, encodeServing(lease.server.where)));
    if (lease.isCancelled) await this.endServing();
  }

  /** The worker is an ordinary one again, unless a call of the lease does not end. */
  private async endServing(): Promise<void> {
    const lease = this.lease!;
    if (lease.server === null) {
      lease.isCancelled = true;
      return;
    }
    this.lease = null;
    await lease.server.stop();
    this.prints.renew();
    this.succeed(lease.id, { contentType: "", bytes: new Uint8Array(0) });
    if (this.calls.runningCount === 0) return;
    const reason = "a call of an ended lease still ran";
    this.answers.send(encodeFrame("bye", 0, encodeBye(reason)));
    this.answers.leave();
  }
}
