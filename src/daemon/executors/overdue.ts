// Finds attempts whose end is long overdue by gleanerd's own clock, so that no executor holds one
// forever.

import { clearTimeout, nowMs, setTimeout, type Timer } from "../../clock.js";
import { longestHeldMs } from "../../core/accounting/plausibility.js";
import type { Snapshot } from "../../model/slurm/snapshot.js";
import type { Assignment } from "../state/assignments.js";
import type { ExecutorRecord } from "../state/executor-record.js";
import type { LiveInvocations } from "../state/live.js";
import type { Registry } from "../state/registry.js";
import type { Executors } from "./executors.js";

/** Overdue ends are minutes late. */
const lookMs = 10_000;

export interface OverdueDependencies {
  readonly registry: Registry;
  readonly live: LiveInvocations;
  readonly executors: Pick<Executors, "distrust" | "cancel" | "ends">;
  readonly capacity: { readonly snapshot: Snapshot | null };
  /** From SIGTERM to SIGKILL. */
  readonly graceMs: number;
}

export class Overdue {
  private timer: Timer | null = null;
  private readonly sinceMs = nowMs();

  constructor(private readonly deps: OverdueDependencies) {}

  start(): void {
    this.timer = setTimeout(() => {
      this.look();
      this.start();
    }, lookMs);
    this.timer.unref();
  }

  stop(): void {
    clearTimeout(this.timer);
  }

  /** For an executor that is away a shorter limit applies (liveness.ts). */
  look(): void {
    for (const record of this.deps.registry.all())
      if (record.line !== null)
        for (const assignment of [...record.attempts.values()])
          if (this.isOverdue(assignment)) this.end(record, assignment);
  }

  /**
   * Attempts ordered by an earlier gleanerd count from our own start, because clocks may have been
   * set.
   */
  private isOverdue({ invocation, ordered }: Assignment): boolean {
    const { live, capacity, graceMs } = this.deps;
    const known = live.get(invocation);
    if (ordered === null || known === undefined) return false;
    const { timeLimits, digest } = known;
    const timeLimitMs = timeLimits.mostMs;
    const mayStandStill = capacity.snapshot?.facts.jobsArePinned ?? true;
    const heldMs = nowMs() - Math.max(ordered.atMs, this.sinceMs);
    const order = { timeLimitMs, killWaitMs: graceMs, isCall: digest.version !== null };
    return heldMs > longestHeldMs(order, mayStandStill);
  }

  /** The node is at fault only if nothing hangs there and a cgroup ends its attempts. */
  private end(record: ExecutorRecord, assignment: Assignment): void {
    const { registry, executors } = this.deps;
    const { invocation, attempt } = assignment;
    const name = `attempt ${attempt} of invocation ${invocation}`;
    const what = `${name} has not ended long after its time limit`;
    if (!registry.unkillable.has(record.node) && record.containment !== "processGroup") {
      executors.distrust(record, what);
      return;
    }
    executors.cancel(record, assignment);
    void executors.ends.lose(record, assignment, `${what}: its node could not end it`);
  }
}
