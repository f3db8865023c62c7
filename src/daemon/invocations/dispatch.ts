// The dispatch loop: woken by every submission, end and budget change, it sends waiting invocations
// to executors.

import type { Logger } from "pino";
import { machineMonotonicMs, nowMs, pause, setImmediate } from "../../clock.js";
import { type PlacementPolicy, type Prediction, place } from "../../core/placement/placement.js";
import { type PlacedRun, runsOf } from "../../core/placement/task-runs.js";
import type { Store } from "../../core/ports/store.js";
import { LogRateLimit } from "../../limits/rate-limit.js";
import type { Payload } from "../../model/call.js";
import { messageOf } from "../../model/errors.js";
import type { Attempt } from "../../model/invocation.js";
import type { Events } from "../state/events.js";
import type { ExecutorRecord } from "../state/executor-record.js";
import type { Live } from "../state/live-invocation.js";
import type { Registry } from "../state/registry.js";
import type { SharedPlace } from "../state/shared-place.js";
import type { Checkpoints } from "./checkpoints.js";
import type { Documents } from "./documents.js";
import { type Ordered, Ordering, type OrderingParts } from "./orders/ordering.js";
import { placeFor, taskOf } from "./places.js";
import type { Vouchers } from "./vouchers.js";

/** A script of the largest size takes a second on a slow network. */
const takeOrderMs = 2_000;
/** A node that has more to read fetches large inputs once it has read that. */
const maxUnsentBytes = 4 * 1024 * 1024;

const placementPolicy: PlacementPolicy = {
  /** Long compared with a function's usual seconds, short compared with a user's patience. */
  starvingAfterMs: 10_000,
  /** About 5 ms of work; the next round follows at once. */
  maxAssignments: 500,
};

export interface DispatcherDependencies extends Omit<OrderingParts, "kick" | "checkpoints"> {
  readonly checkpoints: Pick<Checkpoints, "keep" | "pathFor">;
  readonly registry: Registry;
  readonly store: Store;
  readonly events: Events;
  readonly log: Logger;
  readonly documents: Documents;
  /** If omitted, the end of a call that is not on record is lost with this gleanerd. */
  readonly vouchers?: Pick<Vouchers, "write">;
  readonly prediction?: Prediction;
  /** placement.policy of the configuration; if omitted, `prediction`. */
  readonly placesBy?: "prediction" | "none";
  readonly avoidedBy?: PlacementPolicy["avoidedBy"];
  readonly allowedTo?: PlacementPolicy["allowedTo"];
}

/** An attempt that has begun in memory. */
interface Begun extends Ordered {
  readonly attempt: Attempt;
}

interface Recorded extends Begun {
  /** null for a command. */
  readonly input: Payload | null;
}

/** The rules of placement, with the site's choice. */
export function policyOf({
  prediction,
  placesBy = "prediction",
  avoidedBy,
  allowedTo,
}: Pick<
  DispatcherDependencies,
  "prediction" | "placesBy" | "avoidedBy" | "allowedTo"
>): PlacementPolicy {
  return {
    ...placementPolicy,
    ...(prediction === undefined || placesBy === "none" ? {} : { prediction }),
    ...(avoidedBy === undefined ? {} : { avoidedBy }),
    ...(allowedTo === undefined ? {} : { allowedTo }),
  };
}

export class Dispatcher {
  private readonly policy: PlacementPolicy;
  private readonly unrecorded = new LogRateLimit();
  private readonly ordering: Ordering;
  private scheduled = false;

  constructor(private readonly deps: DispatcherDependencies) {
    this.policy = policyOf(deps);
    this.ordering = new Ordering({ ...deps, kick: () => this.kick() });
  }

  /** Something changed; many calls in one turn cause one round. */
  kick(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.round();
    });
  }

  /** Like kick(), but at once if this is all that waits. */
  hurry(): void {
    if (this.deps.live.queue.size === 1 && !this.scheduled) this.round();
    else this.kick();
  }

  private round(): void {
    const { queue, coresHeld } = this.deps.live;
    if (queue.size === 0) return;
    const slots = this.deps.registry
      .all()
      .filter((record) => record.takesWork)
      .map((record) => record.toSlot());
    const placed = place(queue, slots, coresHeld, nowMs(), this.policy);
    const { prediction } = this.deps;
    for (const run of runsOf(placed, prediction, (id) => taskOf(this.deps.live, id)))
      void this.begin(run);
    if (placed.length === placementPolicy.maxAssignments) this.kick();
    else if (queue.size > 0) this.deps.events.publish({ type: "workLeftWaiting" });
  }

  /**
   * The intent is durable before an order is sent: a restarted daemon knows every attempt that may
   * exist.
   */
  private async begin(placed: PlacedRun): Promise<void> {
    const record = this.deps.registry.get(placed.executor)!;
    const place = placeFor(this.deps.live, record, placed);
    const begun = placed.ids.map((id) => this.assign(this.deps.live.get(id)!, record, place));
    const [first] = begun as [Begun];
    const call = this.deps.live.unrecorded.get(first.live.id);
    if (call !== undefined && call.recording === null) {
      const { attempt } = first;
      call.attempts.push({ attempt, result: null });
      const voucher = this.deps.vouchers?.write(call, attempt);
      const isReading = (record.line?.unsentBytes ?? 0) < maxUnsentBytes;
      this.ordering.order(first, record, { ...call.documents(isReading), voucher });
      return;
    }
    try {
      await call?.recording;
      await this.deps.documents.with(first.live, async (submission) => {
        const recorded =
          begun.length === 1
            ? [await this.record(first, record)]
            : await this.recordTogether(begun);
        this.ordering.inTurn(recorded, record, submission);
        // Limits the orders in progress; a node that reads nothing delays the others no longer.
        await Promise.race([record.line?.flushed?.(), pause(takeOrderMs)]);
      });
    } catch (cause) {
      for (const each of begun) this.returnUnrecorded(each, cause);
    }
  }

  private assign(live: Live, record: ExecutorRecord, place: SharedPlace | null): Begun {
    const { id, cores, memoryMb, gpus } = live;
    const number = live.attempt + 1;
    const startedAtMs = nowMs();
    const change = { attempt: number, startedAtMs, node: record.node };
    const assignment = this.deps.live.begin(live, record.id, change, place);
    const attempt: Attempt = {
      invocation: id,
      number,
      executor: record.id,
      node: record.node,
      cores,
      memoryMb,
      gpus,
      state: "RUNNING",
      startedAtMs,
      startedMonotonicMs: machineMonotonicMs(),
      phases: null,
      endedAtMs: null,
      wallMs: null,
      reason: null,
      sharesWith: (assignment.follows ? place?.worker?.openedFor.invocation : null) ?? null,
      shareMs: null,
    };
    return { live, attempt, assignment };
  }

  /** Resolves with the input once the attempt is on record; with null if it is not, and waits. */
  private async record(begun: Begun, { node }: ExecutorRecord): Promise<Recorded | null> {
    const { live, attempt } = begun;
    try {
      const input = await this.deps.documents.inputOf(live);
      await this.deps.checkpoints.keep(live, node);
      await this.deps.store.beginAttempt(attempt);
      return { ...begun, input };
    } catch (cause) {
      this.returnUnrecorded(begun, cause);
      return null;
    }
  }

  /** As record(), for tasks of one run, of which none has a checkpoint. */
  private async recordTogether(begun: readonly Begun[]): Promise<(Recorded | null)[]> {
    const { documents, store } = this.deps;
    const inputs = await Promise.all(begun.map(({ live }) => documents.inputOf(live)));
    const ids = begun.map(({ live }) => live.id);
    await store.beginTasks(begun[0]!.attempt, ids);
    return begun.map((each, at) => ({ ...each, input: inputs[at]! }));
  }

  /** Nothing was recorded and nothing was sent: it returns to the queue. */
  private returnUnrecorded({ live, attempt }: Begun, cause: unknown): void {
    const problem = { invocation: live.id, cause: messageOf(cause) };
    this.unrecorded.say((suppressed) =>
      this.deps.log.error({ ...problem, suppressed }, "cannot record an attempt"),
    );
    this.deps.live.requeue(live, "the store refused the attempt", attempt.number - 1);
  }
}
