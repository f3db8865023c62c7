// The calls that a program with a held lease has made through gleanerd: the last resort while none
// of its workers can be reached.

import type { Writable } from "node:stream";
import { errorCodeOf, GleanerError, messageOf } from "../../model/errors.js";
import { maxWaitMs } from "../../wire/api/limits.js";
import { payloadOf } from "../../wire/api/payloads.js";
import {
  decodeCallHead,
  encodeBye,
  encodeContentType,
  encodeError,
} from "../../wire/worker/messages.js";
import { contentIn, sendable } from "../calls/contents.js";
import { CallError, FunctionError, resultOf } from "../calls/errors.js";
import { Content } from "../calls/payloads.js";
import type { GleanerClient } from "../client.js";
import { BrokenOffError } from "../http/answer.js";
import { randomUuid } from "../random.js";
import { patiently } from "../repeat.js";
import { type HoldFrame, holdFormat } from "./hold-frames.js";

interface HeldCall {
  readonly stop: AbortController;
  readonly done: Promise<void>;
}

export class HeldCalls {
  /** The function's own: gleanerd refuses a call that asks for more. */
  timeLimitMs = 0;
  private readonly underWay = new Map<number, HeldCall>();

  constructor(
    private readonly client: GleanerClient,
    private readonly name: string,
    private readonly output: Writable,
  ) {}

  /**
   * Answers a call's frame with one of its id: a result, an error, or that it did not run. Throws
   * FrameError if the frame has no valid head.
   */
  make({ id, metadata, payload }: HoldFrame): void {
    const stop = new AbortController();
    const { contentType, deadlineMs } = decodeCallHead(metadata);
    const limitMs = deadlineMs === 0 ? this.timeLimitMs : Math.min(deadlineMs, this.timeLimitMs);
    const result = this.resultBytes(new Content(contentType, payload), limitMs, stop.signal);
    const done = result
      .then(({ type, bytes }) => {
        const head = holdFormat.encodeHead("result", id, encodeContentType(type), bytes.length);
        return Buffer.concat([head, bytes]);
      })
      .catch((thrown) => failureOf(id, thrown))
      .then((answer) => {
        this.output.write(answer);
        this.underWay.delete(id);
      });
    this.underWay.set(id, { stop, done });
  }

  cancel(id: number): void {
    this.underWay.get(id)?.stop.abort(new Error("the program waits no longer"));
  }

  async cancelAll(): Promise<void> {
    for (const id of this.underWay.keys()) this.cancel(id);
    await Promise.all([...this.underWay.values()].map(({ done }) => done));
  }

  private async resultBytes(
    input: Content,
    timeLimitMs: number,
    signal: AbortSignal,
  ): Promise<{ readonly type: string; readonly bytes: Uint8Array }> {
    const { client } = this;
    const asked = { requestId: randomUuid(), function: this.name, timeLimitMs, waitMs: 0 };
    const called = await client.call({ ...asked, input: await sendable(client.functions, input) });
    const id = String(called.id);
    try {
      for (;;) {
        signal.throwIfAborted();
        const { outcomes } = await patiently(
          () => client.outcomes(id, { tasks: "0", waitMs: maxWaitMs }, signal),
          `gleanerd did not answer for 10 minutes: call ${id} stays in its queue`,
          signal,
        );
        const [end] = outcomes;
        if (end === undefined) continue;
        const fetched = await contentIn(client.functions, id, end.answer);
        if (end.answer?.kind !== "result") throw resultOf(id, end, fetched);
        const { payload } = end.answer;
        const stated = payloadOf(payload) as { readonly body: Uint8Array };
        return { type: payload.contentType, bytes: fetched ?? stated.body };
      }
    } catch (error) {
      if (signal.aborted) await client.cancel({ ids: [id] });
      // gleanerd has taken the call, so it may run, whatever went wrong since.
      if (!(error instanceof GleanerError)) throw error;
      throw new CallError("FAILED", id, error.message, { cause: error });
    }
  }
}

function failureOf(id: number, thrown: unknown): Buffer {
  const message = messageOf(thrown);
  // What gleanerd refuses, or never heard of, did not run.
  if (thrown instanceof GleanerError && !(thrown.cause instanceof BrokenOffError))
    return holdFormat.encodeFrame("ended", id, encodeBye(message));
  const told =
    thrown instanceof FunctionError
      ? { type: thrown.type, stack: thrown.remoteStack ?? "" }
      : { type: errorCodeOf(thrown) ?? "FAILED", stack: "" };
  return holdFormat.encodeFrame("error", id, encodeError({ kind: "exception", ...told, message }));
}
