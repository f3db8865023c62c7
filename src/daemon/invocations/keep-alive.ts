// Decides how long a call's worker stays idle after it, from the calls of its function so far.

import { nowMs } from "../../clock.js";
import { Arrivals, historyKey } from "../../core/functions/pool/arrivals.js";
import type { InvocationId } from "../../model/ids.js";
import type { Submission } from "../../model/invocation.js";
import type { Events } from "../state/events.js";
import type { Live } from "../state/live-invocation.js";

/**
 * Nobody starts workers ahead of a call, so a worker whose next call is expected within this time
 * stays until then.
 */
const throughMs = 600_000;
/** A day: a worker that waits longer is hardly warm, and timers end at 24 days. */
const longestMs = 86_400_000;

export class KeepAlive {
  private readonly arrivals = new Arrivals();
  /** The functions of the calls that run. */
  private readonly running = new Map<InvocationId, string>();

  constructor(events: Events) {
    events.subscribe(["invocationEnded"], ({ invocation: { id } }) => {
      const key = this.running.get(id);
      if (key !== undefined) this.arrivals.callEnded(key, nowMs());
      this.running.delete(id);
    });
  }

  /**
   * An attempt is about to be ordered. In ms; null for what is no call, and for a function that
   * names a time itself.
   */
  keepMs({ id, owner }: Pick<Live, "id" | "owner">, { command }: Submission): number | null {
    if (command.kind !== "call" || command.isCheck === true) return null;
    const [functionOwner = "", name = ""] = command.function.split("/");
    const key = historyKey(String(owner.uid), functionOwner, name);
    // A later attempt, after an eviction, is no further call.
    if (!this.running.has(id)) this.arrivals.callArrived(key, nowMs());
    this.running.set(id, key);
    if (command.settings.idleTimeoutMs !== null) return null;
    const learnedMs = this.arrivals.keepMs(key, throughMs);
    return learnedMs === null ? null : Math.round(Math.min(longestMs, learnedMs));
  }
}
