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
import type { Attempt, AttemptEnd, Submission } from "../../model/invocation.js";
import type { AttemptKey } from "../../wire/messages.js";
import type { Assignment } from "../state/assignments.js";
import type { Events } from "../state/events.js";
import type { ExecutorRecord } from "../state/executor-record.js";
import type { LiveInvocations } from "../state/live.js";
import type { Live } from "../state/live-invocation.js";
import type { Registry } from "../state/registry.js";
import type { SharedPlace } from "../state/shared-place.js";
import type { Checkpoints } from "./checkpoints.js";
import type { Documents } from "./documents.js";
import { type EndFacts, lostFacts } from "./ends/end-facts.js";
import type { KeepAlive } from "./keep-alive.js";
import { type OrderDocuments, orderFor } from "./order.js";
import { placeFor, taskOf } from "./places.js";
import type { Settler } from "./settle.js";
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

export interface DispatcherDependencies {
  readonly live: LiveInvocations;
  readonly registry: Registry;
  readonly store: Store;
  readonly events: Events;
  readonly settler: Settler;
  readonly log: Logger;
  readonly checkpoints: Checkpoints;
  readonly documents: Documents;
  readonly keepAlive?: Pick<KeepAlive, "keepMs">;
  /** If omitted, the end of a call that is not on record is lost with this gleanerd. */
  readonly vouchers?: Pick<Vouchers, "write">;
  /** If omitted, no attached command can be ordered. */
  readonly runKey?: OrderDocuments["runKey"];
  readonly leases?: OrderDocuments["leases"];
  readonly clusterName?: () => string | null;
  readonly prediction?: Prediction;
  /** placement.policy of the configuration; if omitted, `prediction`. */
  readonly placesBy?: "prediction" | "none";
  readonly avoidedBy?: PlacementPolicy["avoidedBy"];
  readonly allowedTo?: PlacementPolicy["allowedTo"];
}

/** An attempt that has begun in memory. */
interface Begun {
  readonly live: Live;
  readonly attempt: Attempt;
  readonly assignment: Assignment;
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
  private scheduled = false;

  constructor(private readonly deps: DispatcherDependencies) {
    this.policy = policyOf(deps);
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
      this.order(first, record, { ...call.documents(isReading), voucher });
      return;
    }
    try {
      await call?.recording;
      await this.deps.documents.with(first.live, async (submission) => {
        const recorded =
          begun.length === 1
            ? [await this.record(first, record)]
            : await this.recordTogether(begun);
        this.orderInTurn(recorded, record, submission);
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

  /** Each follows the one before it. */
  private orderInTurn(
    recorded: readonly (Recorded | null)[],
    record: ExecutorRecord,
    submission: Submission,
  ): void {
    let after: AttemptKey | undefined;
    for (const each of recorded) {
      if (each === null) continue;
      const isSent = this.order(each, record, { submission, input: each.input, after });
      if (isSent) after = keyOf(each.assignment);
    }
  }

  /** Returns whether its order was sent. */
  private order(
    { live, assignment }: Begun,
    record: ExecutorRecord,
    documents: OrderDocuments,
  ): boolean {
    if (assignment.state !== "begun") {
      // The connection broke before anything was recorded, so nobody else could record the loss.
      this.end(lostFacts(assignment, "its executor was lost before the order was sent"));
      return false;
    }
    if (live.endReason !== null) {
      this.withdraw(assignment, "cancelled before it ran", "CANCELLED");
      return false;
    }
    try {
      const checkpointDirectory = this.deps.checkpoints.pathFor(live);
      const keepMs = this.deps.keepAlive?.keepMs(live, documents.submission) ?? null;
      const { invocation } = live;
      const { runKey, leases, clusterName } = this.deps;
      const beside = assignment.follows ? assignment.place?.worker?.openedFor : undefined;
      const told = { ...documents, beside, runKey, leases, clusterName: clusterName?.() };
      const order = orderFor(invocation, record.node, told, checkpointDirectory, keepMs);
      const isAwaited = order.voucher !== undefined;
      const line = record.awaitsReady ? null : record.line;
      const isSent = line?.send({ type: "start", order }, isAwaited) ?? false;
      const ordered = { atMs: nowMs(), leadMs: order.notice?.leadMs ?? 0 };
      if (isSent) this.deps.live.assignments.order(assignment, ordered);
      // What follows another, or shares its worker, takes no idle one.
      if (live.workerKey !== null && !assignment.follows)
        record.idleWorkers.take(live.id, live.workerKey);
      return isSent;
    } catch (cause) {
      const reason = `gleanerd could not send its order: ${messageOf(cause)}`;
      this.withdraw(assignment, reason, "FAILED");
      return false;
    }
  }

  /** An attempt that was recorded and never ran. */
  private withdraw(assignment: Assignment, reason: string, end: AttemptEnd): void {
    this.deps.live.assignments.return(assignment);
    this.end(lostFacts(assignment, reason, end));
  }

  private end(facts: EndFacts): void {
    void this.deps.settler.settleSurely(facts).then(() => this.kick());
  }
}

const keyOf = ({ invocation, attempt }: AttemptKey): AttemptKey => ({ invocation, attempt });
