// What happens in gleanerd, as one stream: whoever records it, learns from it or waits for it
// subscribes.

import type { Logger } from "pino";
import type { IdRange } from "../../core/ports/store.js";
import type { Plan } from "../../model/capacity/plan.js";
import type { InvocationId } from "../../model/ids.js";
import type { Invocation, Mail } from "../../model/invocation.js";
import type { Eviction, HookEvent } from "../../model/records/utilization.js";
import type { Snapshot } from "../../model/slurm/snapshot.js";
import type { AheadEndedMessage } from "../../wire/calls.js";
import type { ExecutorRecord, Retirement } from "./executor-record.js";

export type DaemonEvent =
  /** On a new connection; it may be draining. */
  | { readonly type: "executorReady"; readonly executor: ExecutorRecord }
  /** Its budget, state or connection changed; readiness and retirement have events of their own. */
  | { readonly type: "executorChanged"; readonly executor: ExecutorRecord }
  | {
      readonly type: "executorRetired";
      readonly executor: ExecutorRecord;
      readonly retirement: Retirement;
    }
  /** It could not work: the next start on its node must wait. */
  | {
      readonly type: "executorFailed";
      readonly executor: ExecutorRecord;
      readonly detail: string;
    }
  /** Its end is on record, and those of its attempts. */
  | { readonly type: "executorGone"; readonly executor: ExecutorRecord }
  /** A node's prolog or epilog ran. */
  | { readonly type: "hookReported"; readonly report: HookEvent }
  /** A job waited for cores that functions had. */
  | { readonly type: "evicted"; readonly eviction: Eviction }
  /** An invocation, or tasks of an array, must not start before their schedule lets them. */
  | { readonly type: "deferred"; readonly submission: InvocationId }
  /** It, or the array that it begins, asks for mails. */
  | { readonly type: "mailWanted"; readonly invocation: Invocation; readonly mail: Mail }
  | {
      readonly type: "invocationBegan";
      readonly id: InvocationId;
      readonly array: InvocationId | null;
      /** Its number in the array. */
      readonly task: number | null;
      readonly attempt: number;
    }
  /** Its attempt is over, and it waits again. */
  | {
      readonly type: "invocationReturned";
      readonly id: InvocationId;
      readonly array: InvocationId | null;
    }
  | { readonly type: "invocationEnded"; readonly invocation: Invocation }
  /** Tasks of an array that waited as a run ended together; they have no event of their own. */
  | { readonly type: "tasksEnded"; readonly array: InvocationId; readonly ids: IdRange }
  /** Its last task has ended. */
  | { readonly type: "arrayEnded"; readonly array: InvocationId }
  /** A lease has other workers, or another state. */
  | { readonly type: "leaseChanged"; readonly lease: InvocationId }
  /** Its workers crash: it must end. */
  | { readonly type: "leaseFailed"; readonly lease: InvocationId; readonly reason: string }
  /** An executor has other idle workers. */
  | { readonly type: "idleWorkersChanged"; readonly executor: ExecutorRecord }
  /** A worker that an executor was told to start ahead will not be ready. */
  | {
      readonly type: "aheadEnded";
      readonly executor: ExecutorRecord;
      readonly workerKey: string;
      readonly why: AheadEndedMessage["why"];
    }
  /** A run ended by itself. */
  | {
      readonly type: "functionRan";
      readonly functionKey: string;
      readonly wallMs: number;
      /** From the end of the task in whose place it began; null if it followed none. */
      readonly paceMs: number | null;
    }
  /** A round of the dispatcher could not place everything. */
  | { readonly type: "workLeftWaiting" }
  /** Work waits that a new pilot would run. */
  | { readonly type: "pilotWanted" }
  /** Nodes were drained or resumed. */
  | { readonly type: "drainsChanged" }
  | { readonly type: "snapshotRead"; readonly snapshot: Snapshot }
  /** A plan was made and its steps were taken. */
  | { readonly type: "planApplied"; readonly plan: Plan };

export type EventType = DaemonEvent["type"];
type EventOf<Type extends EventType> = DaemonEvent & { readonly type: Type };

/** What the log says of a subscriber's bug. */
export const subscriberFailed = "a subscriber failed";

/**
 * For what a publisher need not know of. What must succeed, or has a result that matters, is a
 * call.
 */
export class Events {
  private readonly handlers = new Map<EventType, ((event: never) => void)[]>();

  constructor(private readonly log: Pick<Logger, "error">) {}

  subscribe<Type extends EventType>(
    types: readonly Type[],
    handler: (event: EventOf<Type>) => void,
  ): void {
    for (const type of types) this.handlers.set(type, [...this.handlersOf(type), handler]);
  }

  /**
   * Calls the subscribers in the order of their subscription; all have returned when it returns. It
   * throws nothing: the error of one is logged and stops neither the others nor the publisher.
   */
  publish(event: DaemonEvent): void {
    for (const handler of this.handlersOf(event.type))
      try {
        handler(event as never);
      } catch (err) {
        this.log.error({ event: event.type, err }, subscriberFailed);
      }
  }

  private handlersOf(type: EventType): readonly ((event: never) => void)[] {
    return this.handlers.get(type) ?? [];
  }
}
