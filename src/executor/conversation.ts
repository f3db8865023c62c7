// Sends what an executor says on each connection and handles the daemon's messages, less what the
// node itself cannot offer.

import type { BudgetOrder } from "../wire/messages.js";
import { holdingBack, type OwnOrder } from "./budget/budget.js";
import type { SessionEvents } from "./connection/session.js";
import type { Unkillable } from "./containment/unkillable.js";
import type { Executor } from "./executor.js";
import { withoutGpus } from "./node/gpu-devices.js";

export class Conversation implements Pick<SessionEvents, "onConnected" | "onMessage"> {
  /** `order`: the first one, which came with the launch. */
  constructor(
    private readonly executor: Executor,
    private order: BudgetOrder,
    private readonly gpuProblem: string | null,
    private readonly unkillable: Pick<Unkillable, "report">,
  ) {}

  readonly onConnected: SessionEvents["onConnected"] = (connection) => {
    const { gpuProblem, unkillable } = this;
    this.executor.onConnected((...said) => connection.send(...said));
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
    this.apply(this.order);
  }

  private apply(order: BudgetOrder): void {
    const own = ownOrder(order, this.gpuProblem, this.unkillable);
    this.executor.onMessage({ ...own, type: "budget" });
  }
}

export function ownOrder<Order extends BudgetOrder>(
  order: Order,
  gpuProblem: string | null,
  { report }: Pick<Unkillable, "report">,
): Order & OwnOrder {
  return holdingBack(gpuProblem === null ? order : withoutGpus(order), report.held);
}
