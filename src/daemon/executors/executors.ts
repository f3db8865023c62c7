// Handles executors' messages: adoption, jobs that came and went, loss.

import type { Logger } from "pino";
import type { InterferenceGuard } from "../../core/capacity/interference.js";
import type { Launcher } from "../../core/ports/launcher.js";
import type { Store } from "../../core/ports/store.js";
import { Bucket } from "../../limits/rate-limit.js";
import type { ExecutorId, NodeName } from "../../model/ids.js";
import type { Beat, Connection } from "../../wire/connection.js";
import { type ExecutorInflow, executorInflow } from "../../wire/flow/executor-pace.js";
import type { AttemptKey, DaemonMessage, ExecutorMessage } from "../../wire/messages.js";
import type { Checkpoints } from "../invocations/checkpoints.js";
import type { Dispatcher } from "../invocations/dispatch.js";
import type { StartFailures } from "../invocations/start-failures.js";
import type { Events } from "../state/events.js";
import type { ExecutorRecord, Line } from "../state/executor-record.js";
import type { Registry } from "../state/registry.js";
import { AttemptEnds, type AttemptEndsDependencies } from "./attempt-ends.js";
import { type CallSources, noteFunctions } from "./function-messages.js";
import { recordGone } from "./gone-record.js";
import * as reports from "./hook-reports.js";
import { noteInterference } from "./interference.js";
import { Liveness } from "./liveness.js";
import { reconcile } from "./reconcile.js";
import { doubtOf } from "./testimony.js";

export interface ExecutorsDependencies extends CallSources, AttemptEndsDependencies {
  readonly registry: Registry;
  readonly startFailures: Pick<StartFailures, "heardStarted" | "heardFull" | "ended">;
  readonly store: Store;
  readonly dispatcher: Dispatcher;
  readonly checkpoints: Checkpoints;
  readonly guard: InterferenceGuard;
  readonly events: Events;
  readonly launcher: Launcher;
  readonly log: Logger;
  /** How long gleanerd waits for a lost executor: longer than the executor waits for gleanerd. */
  readonly adoptMs: number;
  /** An executor is ready whose node an operator may have drained meanwhile. */
  readonly tellIfDrained: (record: ExecutorRecord) => void;
  /** Starts nothing on this node until an operator resumes it; `what` is a sentence. */
  readonly leaveAlone: (node: NodeName, what: string) => void;
}

export type ExecutorConnection = Pick<
  Connection<DaemonMessage, ExecutorMessage>,
  "send" | "close" | "listen"
> &
  Pick<Line, "flushed" | "unsentBytes">;

/** The bounds of one executor: a new connection entitles it to nothing more. */
interface Bounds {
  readonly inflow: ExecutorInflow;
  /** The reports of its hook that are recorded. */
  readonly jobs: Bucket;
}

/** More jobs than begin and end on one node for long: their records outlast the executor. */
const jobReports = { burst: 2_000, perSecond: 4 };

/** What an executor is told that gleanerd does not know, or knows no longer. */
const gaveUp = "gleanerd gave this executor up";

type Message<Type extends ExecutorMessage["type"]> = ExecutorMessage & { readonly type: Type };

export class Executors {
  readonly ends: AttemptEnds;
  private readonly liveness: Liveness;
  private readonly bounds = new WeakMap<ExecutorRecord, Bounds>();

  constructor(private readonly deps: ExecutorsDependencies) {
    this.ends = new AttemptEnds(deps);
    this.liveness = new Liveness({
      ...deps,
      late: (record, detail) => {
        if (record.state === "requested" || record.state === "starting")
          deps.events.publish({ type: "executorFailed", executor: record, detail });
        void this.giveUp(record, detail);
      },
      gone: (record, reason, end) => void this.gone(record, reason, end),
    });
  }

  expect(record: ExecutorRecord, withinMs: number): void {
    this.liveness.expect(record, withinMs);
  }

  /** A restarted daemon waits for an executor that it knew. */
  expectBack(record: ExecutorRecord): void {
    this.liveness.lost(record);
  }

  /** An executor has proven its identity. Unknown ones are refused: another may run there. */
  connected(id: ExecutorId, connection: ExecutorConnection): void {
    const record = this.deps.registry.get(id);
    if (record === undefined) {
      connection.send({ type: "stop", reason: gaveUp });
      connection.close();
      return;
    }
    const older = record.line;
    record.line = connection;
    record.awaitsReady = true;
    older?.close();
    let isReady = false;
    connection.listen({
      inflow: this.boundsOf(record).inflow,
      onMessage: (message) => {
        if (record.line !== connection || (isReady && message.type === "ready")) return;
        isReady ||= message.type === "ready" || message.type === "leaving";
        const doubt = isReady
          ? doubtOf(record, message, this.deps)
          : `it sent ${message.type} before it was ready`;
        if (doubt === null) this.heard(record, message);
        else this.distrust(record, doubt);
      },
      onClose: (error, isTheirs) => {
        if (record.line !== connection) return;
        if (isTheirs === true) this.distrust(record, error!.message);
        else this.disconnected(record, error?.message ?? "it closed the connection");
      },
    });
  }

  private boundsOf(record: ExecutorRecord): Bounds {
    const known = this.bounds.get(record) ?? {
      inflow: executorInflow(),
      jobs: new Bucket(jobReports.burst, jobReports.perSecond),
    };
    this.bounds.set(record, known);
    return known;
  }

  /** It reported something impossible: its attempts go elsewhere, and Gleaner avoids its node. */
  distrust(record: ExecutorRecord, what: string): void {
    const { id: executor, node } = record;
    this.deps.log.error({ executor, node, what }, "a node is not trusted, and no longer used");
    this.deps.leaveAlone(node, what);
    void this.giveUp(record, "its node reported something impossible");
  }

  private heard(record: ExecutorRecord, message: Exclude<ExecutorMessage, Beat>): void {
    switch (message.type) {
      case "ready":
        this.ready(record, message);
        break;
      case "budget":
        record.claimed = message.budget;
        this.deps.events.publish({ type: "executorChanged", executor: record });
        this.deps.dispatcher.kick();
        break;
      case "ended":
        void this.ends.reported(record, message.report, message.voucher);
        break;
      case "jobBegan":
      case "jobEnded":
      case "hookKilled":
        reports.noteHook(record, message, this.deps.events, this.boundsOf(record).jobs.passes());
        break;
      case "preempted":
        reports.notePreemption(record, message);
        for (const report of message.evicted) void this.ends.reported(record, report);
        break;
      case "gpusUnused":
      case "unkillable":
        reports.noteNode(record, message, this.deps.registry);
        break;
      case "pressure":
        noteInterference(record, message.report, this.deps);
        break;
      case "checkpointRemoved":
        this.deps.checkpoints.removed(record.id, message.invocation, message.problem);
        break;
      case "departing":
        if (message.nodeIsFull) this.deps.startFailures.heardFull(record);
        record.retire("drain", message.reason);
        break;
      case "leaving":
        void this.gone(record, message.reason);
        break;
      case "started":
        this.deps.startFailures.heardStarted(record, message.key);
        break;
      default:
        noteFunctions(record, message, this.deps);
    }
  }

  private ready(record: ExecutorRecord, message: Message<"ready">): void {
    const { log, dispatcher, events } = this.deps;
    const { hookProblem } = message;
    // Counts only from here: an executor of another release may connect, but never gets this far.
    this.liveness.heard(record);
    if (record.state === "requested") record.become("starting");
    if (record.state === "starting") record.become("ready");
    record.heardReady(message);
    // An earlier gleanerd told it so, or its node: it would give each order back at once.
    if (message.nodeIsFull) this.deps.startFailures.heardFull(record);
    if (message.leaving !== undefined) record.retire("drain", message.leaving);
    const { id: executor, node, budget } = record;
    record.log.say((suppressed) =>
      log.info({ executor, node, budget, hook: hookProblem, suppressed }, "executor ready"),
    );
    if (hookProblem !== null) {
      events.publish({ type: "executorFailed", executor: record, detail: hookProblem });
      record.retire("stop", hookProblem);
      return;
    }
    this.deps.tellIfDrained(record);
    events.publish({ type: "executorReady", executor: record });
    for (const assignment of reconcile(record, message.answersFor, this.deps.live))
      void this.ends.lose(record, assignment, "its order did not reach the executor");
    dispatcher.kick();
  }

  /** Asks the executor to end an attempt; its report will say CANCELLED. */
  cancel(record: ExecutorRecord, { invocation, attempt }: AttemptKey, isRequeue?: boolean): void {
    record.line?.send({ type: "cancel", key: { invocation, attempt }, isRequeue });
  }

  private disconnected(record: ExecutorRecord, reason: string): void {
    record.line = null;
    this.deps.events.publish({ type: "executorChanged", executor: record });
    const { id: executor, node } = record;
    record.log.say((suppressed) =>
      this.deps.log.info({ executor, node, reason, suppressed }, "executor disconnected"),
    );
    this.liveness.lost(record);
  }

  /**
   * Ends it without waiting for it, unlike a retirement: whatever it was told before, it must exit
   * now. Also cancels the job of a pilot that may still be alive.
   */
  giveUp(record: ExecutorRecord, reason: string): Promise<void> {
    record.line?.send({ type: "stop", reason: `${gaveUp}: ${reason}` });
    void this.deps.launcher.withdraw?.(record.id);
    return this.gone(record, reason);
  }

  /** Unreported attempts are lost, or evicted with the pilot, and return to the queue. */
  async gone(
    record: ExecutorRecord,
    reason: string,
    end: "LOST" | "EVICTED" = record.preemption === null ? "LOST" : "EVICTED",
  ): Promise<void> {
    if (record.state === "gone") return;
    const { registry, events, log, dispatcher } = this.deps;
    reports.notePreempted(record, events);
    this.liveness.heard(record);
    record.become("gone");
    events.publish({ type: "executorChanged", executor: record });
    const { line } = record;
    record.line = null;
    line?.close();
    log.info({ executor: record.id, node: record.node, reason }, "executor gone");
    const because = end === "LOST" ? `its executor was lost: ${reason}` : reason;
    const lost = [...record.attempts.values()].map((assignment) =>
      this.ends.lose(record, assignment, because, end),
    );
    registry.remove(record);
    this.deps.launcher.forget?.(record.id);
    await Promise.all(lost);
    await recordGone(record, reason, this.deps);
    dispatcher.kick();
    events.publish({ type: "executorGone", executor: record });
  }

  close(): void {
    for (const record of this.deps.registry.all()) record.line?.close();
    // Comes last, because gleanerd begins to wait for each executor that closes.
    this.liveness.close();
  }
}
