// One call in a worker, from its input to its answer.

import { messageOf } from "../../../model/errors.js";
import type { CallAttemptOrder } from "../../../wire/messages.js";
import { answerOf, loaded } from "../../../workers/answers.js";
import type { Sending } from "../../../workers/outgoing.js";
import type { RunningCall, WorkerChannel } from "../../../workers/worker-channel.js";
import type { Payloads } from "../payloads/payloads.js";
import type { Work, WorkEnd } from "./work.js";

export class CallRun implements Work {
  readonly isLease = false;
  readonly usage = null;
  private call: RunningCall | null = null;
  private cancel: (() => void) | null = null;

  constructor(
    private readonly order: CallAttemptOrder,
    private readonly payloads: Pick<Payloads, "inputOf" | "sinkFor">,
  ) {}

  get id(): number | null {
    return this.call?.id ?? null;
  }

  get sending(): Sending {
    return this.call?.sending ?? "waits";
  }

  async begin(channel: WorkerChannel): Promise<WorkEnd | null> {
    const { order, payloads } = this;
    const sink = payloads.sinkFor(order);
    if (order.command.isCheck) return { kind: "answered", answer: loaded };
    const call = channel.call({
      deadlineMs: order.timeLimitMs,
      attempt: order.attempt,
      contentType: order.command.input.contentType,
      name: `${order.invocation}`,
      input: payloads.inputOf(order),
      sink,
    });
    this.call = call;
    this.cancel = () => channel.cancel(call.id);
    const ended = await call.end;
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
}
