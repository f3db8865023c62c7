// What the executor does about each message of the daemon.

import type { JobId } from "../model/ids.js";
import type { Resources } from "../model/resources.js";
import type { BudgetOrder, DaemonMessage } from "../wire/messages.js";
import { ordersOfRun } from "../wire/orders.js";
import type { Attempts } from "./attempts/attempts.js";
import type { CheckpointRemover } from "./attempts/checkpoints.js";
import type { Departure } from "./departure.js";
import type { Orders } from "./orders.js";
import type { Surroundings } from "./surroundings.js";

/** A beat says only that the daemon is there. */
export type Heard = Exclude<DaemonMessage, { type: "beat" }>;

/** The parts of the executor that messages are for. */
export interface Listeners {
  readonly attempts: Attempts;
  readonly orders: Orders;
  readonly remover: CheckpointRemover;
  readonly departure: Departure;
  readonly outside: Surroundings;
  obey(order: BudgetOrder): void;
  forget(jobs: readonly JobId[]): void;
  /** What may be used and no attempt holds. */
  room(): Resources;
  /** Whether no core is certainly ours. */
  isBesideJob(): boolean;
}

export function hear(message: Heard, listeners: Listeners): void {
  const { attempts, orders, departure, outside } = listeners;
  switch (message.type) {
    case "budget":
      listeners.obey(message);
      break;
    case "start":
      orders.take(message.order);
      break;
    case "startRun":
      for (const order of ordersOfRun(message.order, message.rest)) orders.take(order);
      break;
    case "cancel":
      orders.cancel(message.key, message.isRequeue);
      break;
    case "limit":
      orders.limit(message.key, message.timeLimitMs);
      break;
    case "signal":
      attempts.signal(message.key, message);
      break;
    case "recorded":
      orders.recorded(message.key);
      outside.payloads?.forget(message.key);
      break;
    case "forgetJobs":
      listeners.forget(message.jobs);
      break;
    case "drain":
      departure.drain(message.reason);
      break;
    case "foresee":
      attempts.foresee(message.inMs, message.reason);
      outside.leases?.foresee(message.inMs, message.reason);
      break;
    case "removeCheckpoint":
      // Nothing may run without a core that is certainly ours; the daemon asks again.
      if (departure.mode === "leaving" || listeners.isBesideJob()) break;
      listeners.remover.remove(message.order);
      break;
    case "keepWarm":
      outside.workers?.keepWarm(message.workers);
      break;
    case "startAhead":
      if (message.isSpare) outside.workers?.expect(message.order, listeners.room());
      else outside.workers?.startAhead(message.order, listeners.room());
      break;
    case "stop":
      void departure.leave(message.reason, message.graceMs);
      break;
    case "extendLease":
      outside.leases?.extend(message.key, message.inMs);
      break;
    default:
      if ("version" in message) outside.code?.arrived(message);
      else outside.payloads?.heard(message);
  }
}
