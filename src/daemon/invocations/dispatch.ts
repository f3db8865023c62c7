// The dispatch loop: woken by every submission, end and budget change, it sends waiting invocations
// to executors.

import type { Logger } from "pino";
import { machineMonotonicMs, nowMs, pause, setImmediate } from "../../clock.js";
import { type PlacementPolicy, type Prediction, place } from "../../core/placement/placement.js";
import type { Store } from "../../core/ports/store.js";
import { LogRateLimit } from "../../limits/rate-limit.js";
import { assert, messageOf } from "../../model/errors.js";
import type { Attempt, AttemptEnd } from "../../model/invocation.js";
import type { Assignment } from "../state/assignments.js";
import type { Events } from "../state/events.js";
import type { ExecutorRecord } from "../state/executor-record.js";
import type { LiveInvocations } from "../state/live.js";
import type { Live } from "../state/live-invocation.js";
import type { Registry } from "../state/registry.js";
import type { Checkpoints } from "./checkpoints.js";
import type { Documents } from "./documents.js";
import type { KeepAlive } from "./keep-alive.js";
import { type OrderDocuments, orderFor } from "./order.js";
import { type EndFacts, lostFacts, type Settler } from "./settle.js";
import type { Vouchers } from "./vouchers.js";

/** A script of the largest size takes a second on a slow network. */
const takeOrderMs = 2_000;

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
  readonly prediction?: Prediction;
  readonly avoidedBy?: PlacementPolicy["avoidedBy"];
}

export class Dispatcher {
  private readonly policy: PlacementPolicy;
  private readonly unrecorded = new LogRateLimit();
  private scheduled = false;

  constructor(private readonly deps: DispatcherDependencies) {
    const { prediction, avoidedBy } = deps;
    this.policy = {
      ...placementPolicy,
      ...(prediction === undefined ? {} : { prediction }),
      ...(avoidedBy === undefined ? {} : { avoidedBy }),
    };
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

  private round(): void {
    const { queue, coresHeld } = this.deps.live;
    if (queue.size === 0) return;
    const slots = this.deps.registry
      .all()
      .filter((record) => record.takesWork)
      .map((record) => record.toSlot());
    const assignments = place(queue, slots, coresHeld, nowMs(), this.policy);
    for (const { invocation, executor } of assignments) {
      const live = this.deps.live.get(invocation)!;
      void this.begin(live, this.deps.registry.get(executor)!);
    }
    if (assignments.length === placementPolicy.maxAssignments) this.kick();
    else if (queue.size > 0) this.deps.events.publish({ type: "workLeftWaiting" });
  }

  /**
   * The intent is durable before the order is sent: a restarted daemon knows every attempt that may
   * exist.
   */
  private async begin(live: Live, record: ExecutorRecord): Promise<void> {
    const { id, cores, memoryMb, gpus } = live;
    const number = live.attempt + 1;
    const startedAtMs = nowMs();
    const change = { attempt: number, startedAtMs, node: record.node };
    const assignment = this.deps.live.begin(live, record.id, change);
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
    };
    const call = this.deps.live.unrecorded.get(id);
    if (call !== undefined && call.recording === null) {
      call.attempts.push({ attempt, result: null });
      const voucher = this.deps.vouchers?.write(call, attempt);
      this.order(live, record, { ...call.documents, voucher }, assignment);
      return;
    }
    let isRecorded = false;
    try {
      await call?.recording;
      await this.deps.documents.with(live, async (submission) => {
        const input = await this.deps.documents.inputOf(live);
        await this.deps.checkpoints.keep(live, record.node);
        await this.deps.store.beginAttempt(attempt);
        isRecorded = true;
        this.order(live, record, { submission, input }, assignment);
        // Limits the orders in progress; a node that reads nothing delays the others no longer.
        await Promise.race([record.line?.flushed?.(), pause(takeOrderMs)]);
      });
    } catch (cause) {
      assert(!isRecorded, `what follows the record of invocation ${id}'s attempt throws nothing`);
      // Nothing was recorded and nothing was sent: it returns to the queue.
      const problem = { invocation: id, cause: messageOf(cause) };
      this.unrecorded.say((suppressed) =>
        this.deps.log.error({ ...problem, suppressed }, "cannot record an attempt"),
      );
      this.deps.live.requeue(live, "the store refused the attempt", number - 1);
    }
  }

  private order(
    live: Live,
    record: ExecutorRecord,
    documents: OrderDocuments,
    assignment: Assignment,
  ): void {
    if (assignment.state !== "begun") {
      // The connection broke before anything was recorded, so nobody else could record the loss.
      this.end(lostFacts(assignment, "its executor was lost before the order was sent"));
      return;
    }
    if (live.cancelRequested) {
      this.withdraw(assignment, "cancelled before it ran", "CANCELLED");
      return;
    }
    try {
      const checkpointDirectory = this.deps.checkpoints.pathFor(live);
      const keepMs = this.deps.keepAlive?.keepMs(live, documents.submission) ?? null;
      const { invocation } = live;
      const order = orderFor(invocation, record.node, documents, checkpointDirectory, keepMs);
      const isSent = record.line?.send({ type: "start", order });
      const ordered = { atMs: nowMs(), leadMs: order.notice?.leadMs ?? 0 };
      if (isSent) this.deps.live.assignments.order(assignment, ordered);
      if (live.workerKey !== null) record.idleWorkers.take(live.id, live.workerKey);
    } catch (cause) {
      const reason = `gleanerd could not send its order: ${messageOf(cause)}`;
      this.withdraw(assignment, reason, "FAILED");
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
