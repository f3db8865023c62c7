// Sends orders to executors: one for each attempt, or one for the calls of a run.

import { nowMs } from "../../../clock.js";
import { inlineBytes, type Payload } from "../../../model/call.js";
import { messageOf } from "../../../model/errors.js";
import type { AttemptEnd, Submission } from "../../../model/invocation.js";
import type { AttemptKey, CallAttemptOrder, DaemonMessage } from "../../../wire/messages.js";
import type { Assignment } from "../../state/assignments.js";
import type { ExecutorRecord } from "../../state/executor-record.js";
import type { LiveInvocations } from "../../state/live.js";
import type { Live } from "../../state/live-invocation.js";
import { type EndFacts, lostFacts } from "../ends/end-facts.js";
import { type OrderDocuments, orderFor } from "./order.js";

/** Inputs of one message, so that a run's first call does not wait for all of them. */
const maxRunBytes = 64 * 1024;

export interface OrderingParts {
  readonly live: LiveInvocations;
  readonly settler: { settleSurely(facts: EndFacts): Promise<void> };
  readonly checkpoints: { pathFor(live: Live): string | null };
  readonly keepAlive?: {
    keepMs(live: Live, submission: Submission, isBehind: boolean): number | null;
  };
  /** If omitted, no attached command can be ordered. */
  readonly runKey?: OrderDocuments["runKey"];
  readonly leases?: OrderDocuments["leases"];
  readonly clusterName?: () => string | null;
  /** Something is free again. */
  readonly kick: () => void;
}

/** An attempt that is to be ordered. */
export interface Ordered {
  readonly live: Live;
  readonly assignment: Assignment;
}

/** `input`: null for a command. */
type OrderedTask = Ordered & { readonly input: Payload | null };
type OrderedCall = Ordered & { readonly input: Payload };

export class Ordering {
  constructor(private readonly parts: OrderingParts) {}

  /** Each follows the one before it; null was not recorded. */
  inTurn(
    recorded: readonly (OrderedTask | null)[],
    record: ExecutorRecord,
    submission: Submission,
  ): void {
    const all = recorded.filter((each) => each !== null);
    if (all.length > 1 && submission.command.kind === "call" && record.takesRuns)
      this.orderRun(all as readonly OrderedCall[], record, submission);
    else this.orderOneByOne(all, record, submission);
  }

  private orderOneByOne(
    all: readonly OrderedTask[],
    record: ExecutorRecord,
    submission: Submission,
  ): void {
    let after: AttemptKey | undefined;
    for (const { input, ...each } of all)
      if (this.order(each, record, { submission, input, after })) after = keyOf(each.assignment);
  }

  /** In as few messages as possible, of which each follows the one before it. */
  private orderRun(
    all: readonly OrderedCall[],
    record: ExecutorRecord,
    submission: Submission,
  ): void {
    let after: AttemptKey | undefined;
    for (const part of partsOf(all.filter((each) => this.mayOrder(each)))) {
      const [first, ...others] = part as [OrderedCall, ...OrderedCall[]];
      const rest = others.map(({ live, input }) => ({ invocation: live.id, input }));
      const isSent = this.send(part, record, () => {
        const order = this.orderOf(first, record, { submission, input: first.input, after });
        return { type: "startRun", order: order as CallAttemptOrder, rest };
      });
      if (isSent) after = keyOf(part.at(-1)!.assignment);
    }
  }

  /** Returns whether its order was sent. */
  order(ordered: Ordered, record: ExecutorRecord, documents: OrderDocuments): boolean {
    if (!this.mayOrder(ordered)) return false;
    return this.send([ordered], record, () => ({
      type: "start",
      order: this.orderOf(ordered, record, documents),
    }));
  }

  private mayOrder({ live, assignment }: Ordered): boolean {
    if (assignment.state !== "begun") {
      // The connection broke before anything was recorded, so nobody else could record the loss.
      this.end(lostFacts(assignment, "its executor was lost before the order was sent"));
      return false;
    }
    if (live.endReason === null) return true;
    this.withdraw(assignment, "cancelled before it ran", "CANCELLED");
    return false;
  }

  private send(
    all: readonly Ordered[],
    record: ExecutorRecord,
    made: () => DaemonMessage & { readonly type: "start" | "startRun" },
  ): boolean {
    try {
      const message = made();
      const { order } = message;
      const line = record.awaitsReady ? null : record.line;
      const isSent = line?.send(message, order.voucher !== undefined) ?? false;
      const sent = { atMs: nowMs(), leadMs: order.notice?.leadMs ?? 0 };
      for (const { live, assignment } of all) {
        if (isSent) this.parts.live.assignments.order(assignment, sent);
        // What follows another, or shares its worker, takes no idle one.
        if (live.workerKey !== null && !assignment.follows)
          record.idleWorkers.take(live.id, live.workerKey);
      }
      return isSent;
    } catch (cause) {
      const reason = `gleanerd could not send its order: ${messageOf(cause)}`;
      for (const { assignment } of all) this.withdraw(assignment, reason, "FAILED");
      return false;
    }
  }

  private orderOf(
    { live, assignment }: Ordered,
    record: ExecutorRecord,
    documents: OrderDocuments,
  ) {
    const { checkpoints, keepAlive, runKey, leases, clusterName } = this.parts;
    const checkpointDirectory = checkpoints.pathFor(live);
    const { submission, after } = documents;
    const keepMs = keepAlive?.keepMs(live, submission, after !== undefined) ?? null;
    const beside = assignment.follows ? assignment.place?.worker?.openedFor : undefined;
    const told = { ...documents, beside, runKey, leases, clusterName: clusterName?.() };
    return orderFor(live.invocation, record.node, told, checkpointDirectory, keepMs);
  }

  /** An attempt that was recorded and never ran. */
  private withdraw(assignment: Assignment, reason: string, end: AttemptEnd): void {
    this.parts.live.assignments.return(assignment);
    this.end(lostFacts(assignment, reason, end));
  }

  private end(facts: EndFacts): void {
    void this.parts.settler.settleSurely(facts).then(() => this.parts.kick());
  }
}

/** Consecutive ones whose inputs fit into one message. */
function partsOf(all: readonly OrderedCall[]): readonly (readonly OrderedCall[])[] {
  const parts: OrderedCall[][] = [];
  let bytes = 0;
  for (const each of all) {
    bytes += inlineBytes(each.input);
    const last = parts.at(-1);
    if (last !== undefined && bytes <= maxRunBytes) last.push(each);
    else {
      parts.push([each]);
      bytes = inlineBytes(each.input);
    }
  }
  return parts;
}

const keyOf = ({ invocation, attempt }: AttemptKey): AttemptKey => ({ invocation, attempt });
