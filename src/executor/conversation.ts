// Sends what an executor says on each connection and handles the daemon's messages, less what the
// node itself cannot offer.

import type { BudgetOrder } from "../wire/messages.js";
import { holdingBack, type OwnOrder } from "./budget/budget.js";
import type { SessionEvents } from "./connection/session.js";
import type { Unkillable } from "./containment/unkillable.js";
import type { Executor } from "./executor.js";
import { withoutGpus } from "./node/gpu-devices.js";

export class Conversation implements Pick<SessionEvents, "onConnected" | "onMessage"> {
  private order: (BudgetOrder & { readonly type: "budget" }) | null = null;

  constructor(
    private readonly executor: Executor,
    private readonly gpuProblem: string | null,
    private readonly unkillable: Pick<Unkillable, "report">,
  ) {}

  readonly onConnected: SessionEvents["onConnected"] = (connection) => {
    const { gpuProblem, unkillable } = this;
    this.executor.onConnected((message) => connection.send(message));
    if (gpuProblem !== null) connection.send({ type: "gpusUnused", reason: gpuProblem });
    // Sent even if nothing hangs, because the previous executor may have reported otherwise.
    connection.send({ type: "unkillable", report: unkillable.report });
  };

  readonly onMessage: SessionEvents["onMessage"] = (message) => {
    if (message.type === "budget") {
      this.order = message;
      this.apply(message);
    } else this.executor.onMessage(message);
  };

  /** The set of hanging processes changed: reapplies the last order, less what they hold. */
  hungChanged(): void {
    this.executor.outbox.sayNow({ type: "unkillable", report: this.unkillable.report });
    if (this.order !== null) this.apply(this.order);
  }

  private apply(order: BudgetOrder & { readonly type: "budget" }): void {
    this.executor.onMessage(ownOrder(order, this.gpuProblem, this.unkillable));
  }
}

export function ownOrder<Order extends BudgetOrder>(
  order: Order,
  gpuProblem: string | null,
  { report }: Pick<Unkillable, "report">,
): Order & OwnOrder {
  return holdingBack(gpuProblem === null ? order : withoutGpus(order), report.held);
}
