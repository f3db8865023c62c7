// When and how the executor leaves: at once, once what runs has ended, or, if its node has no
// memory left, when gleanerd tells it to.

import { nothing } from "../model/resources.js";
import type { ExecutorMessage } from "../wire/messages.js";
import type { Attempts } from "./attempts/attempts.js";
import type { CheckpointRemover } from "./attempts/checkpoints.js";
import { withinMs } from "./attempts/timing.js";
import type { Outbox } from "./connection/outbox.js";
import { isNodeShortOf } from "./node/memory.js";
import type { Orders } from "./orders.js";
import type { Spawning } from "./runtimes/spawner.js";

/** The executor waits no longer for killed processes that hang in the kernel. */
const leaveKillMs = 5_000;
/** Time for gleanerd to record the last reports; others count as LOST. */
const leaveReportMs = 2_000;

type Ready = Extract<ExecutorMessage, { type: "ready" }>;

export interface LeavingParts {
  readonly attempts: Pick<Attempts, "running" | "keys" | "ask" | "part" | "evict">;
  readonly orders: Pick<Orders, "giveAllBack">;
  readonly remover: Pick<CheckpointRemover, "stop">;
  /** Its processes must be gone before the groups can be removed. */
  readonly spawner: Pick<Spawning, "close">;
  readonly outbox: Pick<Outbox, "emptied" | "sayNow">;
  /** Called once, when it begins to leave. */
  readonly onLeaving: (reason: string) => void;
  /** Called once, when nothing is left and the process may exit. */
  readonly gone: (reason: string) => void;
}

export class Departure {
  mode: "serving" | "closed" | "draining" | "leaving" = "serving";
  /** null while it serves. */
  private reason: string | null = null;
  private nodeIsFull = false;

  constructor(private readonly parts: LeavingParts) {}

  /** What gleanerd must know on each new connection. */
  get told(): Pick<Ready, "leaving" | "nodeIsFull"> {
    return {
      ...(this.reason !== null && { leaving: this.reason }),
      ...(this.nodeIsFull && { nodeIsFull: true }),
    };
  }

  /**
   * The node has no memory left, and its batch jobs come first: kills what runs and takes no new
   * work. gleanerd, once it is there, tells it to leave: until then it keeps what it has to report.
   */
  close(): void {
    if (this.nodeIsFull) return;
    this.nodeIsFull = true;
    const { attempts, orders, outbox } = this.parts;
    const reason = "its node has no memory left";
    // Sent before the ends of its attempts: gleanerd would fill their places again.
    outbox.sayNow({ type: "departing", reason, nodeIsFull: true });
    if (this.mode === "leaving") return;
    if (this.mode === "serving") this.mode = "closed";
    this.reason ??= reason;
    orders.giveAllBack(reason);
    void attempts.evict(attempts.keys, reason, nothing).ended;
  }

  /** The kernel killed an idle worker of this size for want of memory. */
  killedWithin(memoryMb: number): void {
    if (isNodeShortOf(memoryMb)) this.close();
  }

  /**
   * Kills what runs, waits until the reports are recorded, and exits. Where no job waits, functions
   * that requested a notice get it and `graceMs` to leave. A second call changes nothing.
   */
  async leave(reason: string, graceMs = 0): Promise<void> {
    if (this.mode === "leaving") return;
    this.mode = "leaving";
    this.reason = reason;
    const { attempts, orders, remover, spawner, outbox } = this.parts;
    this.parts.onLeaving(reason);
    // Sent before the ends of its attempts: gleanerd would fill their places again.
    outbox.sayNow({ type: "departing", reason });
    orders.giveAllBack(reason);
    if (graceMs > 0) await attempts.part(reason, graceMs);
    const evicted = attempts.evict(attempts.keys, reason, nothing).ended;
    const ended = Promise.all([evicted, remover.stop()]);
    await withinMs(
      leaveKillMs,
      ended.then(() => spawner.close()),
    );
    await outbox.emptied(leaveReportMs);
    outbox.sayNow({ type: "leaving", reason });
    this.parts.gone(reason);
  }

  /** Takes no new work, and leaves once the present work has ended. */
  drain(reason: string): void {
    if (this.mode !== "serving" && this.mode !== "closed") return;
    this.mode = "draining";
    this.reason = reason;
    this.parts.orders.giveAllBack(reason);
    void this.parts.attempts.ask(reason);
    this.leaveIfDrained();
  }

  leaveIfDrained(): void {
    if (this.mode === "draining" && this.parts.attempts.running.length === 0)
      void this.leave(this.reason!);
  }
}
