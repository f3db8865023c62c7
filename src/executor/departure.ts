// When and how the executor leaves: at once, or once what runs has ended.

import { nothing } from "../model/resources.js";
import type { Attempts } from "./attempts/attempts.js";
import type { CheckpointRemover } from "./attempts/checkpoints.js";
import { withinMs } from "./attempts/timing.js";
import type { Outbox } from "./connection/outbox.js";
import type { Orders } from "./orders.js";
import type { Spawning } from "./runtimes/spawner.js";

/** The executor waits no longer for killed processes that hang in the kernel. */
const leaveKillMs = 5_000;
/** Time for gleanerd to record the last reports; others count as LOST. */
const leaveReportMs = 2_000;

export interface LeavingParts {
  readonly attempts: Pick<Attempts, "running" | "keys" | "ask" | "part" | "evict">;
  readonly orders: Pick<Orders, "giveAllBack">;
  readonly remover: Pick<CheckpointRemover, "stop">;
  /** Its processes must be gone before the groups can be removed. */
  readonly spawner: Pick<Spawning, "close">;
  readonly outbox: Pick<Outbox, "emptied" | "sayNow">;
  readonly onLeaving: (reason: string) => void;
  /** Called once, when nothing is left and the process may exit. */
  readonly gone: (reason: string) => void;
}

export class Departure {
  mode: "serving" | "draining" | "leaving" = "serving";
  /** null while it serves. */
  reason: string | null = null;

  constructor(private readonly parts: LeavingParts) {}

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
    if (this.mode !== "serving") return;
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
