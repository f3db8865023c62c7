// One call in a worker, from its input to its answer.

import { messageOf } from "../../../model/errors.js";
import type { CallAttemptOrder } from "../../../wire/messages.js";
import { answerOf, loaded } from "../../../workers/answers.js";
import type { Input } from "../../../workers/outgoing.js";
import type { WorkerChannel } from "../../../workers/worker-channel.js";
import type { Payloads } from "../payloads/payloads.js";
import type { Work, WorkEnd } from "./work.js";

export class CallRun implements Work {
  readonly isLease = false;
  readonly usage = null;
  id: number | null = null;
  isSending = false;
  private cancel: (() => void) | null = null;

  constructor(
    private readonly order: CallAttemptOrder,
    private readonly payloads: Pick<Payloads, "inputOf" | "sinkFor">,
  ) {}

  async begin(channel: WorkerChannel): Promise<WorkEnd | null> {
    const { order, payloads } = this;
    const sink = payloads.sinkFor(order);
    if (order.command.isCheck) return { kind: "answered", answer: loaded };
    const { id, end } = channel.call({
      deadlineMs: order.timeLimitMs,
      attempt: order.attempt,
      contentType: order.command.input.contentType,
      name: `${order.invocation}`,
      input: this.watched(payloads.inputOf(order)),
      sink,
    });
    this.id = id;
    this.cancel = () => channel.cancel(id);
    const ended = await end;
    if (ended.kind === "lost") {
      if (ended.failure.code !== "SINK") return null;
      const message = `its result could not be kept on its node: ${messageOf(ended.failure.cause)}`;
      return { kind: "unanswered", message };
    }
    const answer = answerOf(ended, ended.kind === "returned" ? sink.payload : undefined);
    // Its process is about to end.
    const leaves = ended.kind === "failed" && ended.error.kind === "exit";
    return { kind: "answered", answer, leaves };
  }

  stop(): void {
    this.cancel?.();
  }

  close(): void {}

  private watched(input: Input): Input {
    if (input instanceof Uint8Array) return input;
    const { bytes, pieces } = input;
    return { bytes, pieces: this.sending(pieces) };
  }

  private async *sending(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    this.isSending = true;
    yield* pieces;
    this.isSending = false;
  }
}
