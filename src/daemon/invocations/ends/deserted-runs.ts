// Cancels runs (glean run, glean shell) that wait for a place and whose client is gone: nobody
// would be there when the command starts.

import { setTimeout } from "../../../clock.js";
import type { Store } from "../../../core/ports/store.js";
import type { InvocationId } from "../../../model/ids.js";
import type { LiveInvocations } from "../../state/live.js";
import type { Live } from "../../state/live-invocation.js";

/** A client whose connection broke, or whose wait was long enough, is back by then. */
const graceMs = 10_000;

export interface DesertedRunsDependencies {
  readonly live: Pick<LiveInvocations, "get">;
  readonly store: Pick<Store, "submissionOf">;
  /** Whether a client waits for its end. */
  readonly waiters: { isAwaited(run: InvocationId): boolean };
  readonly end: (run: Live, reason: string) => Promise<unknown>;
  readonly onTrouble: (run: InvocationId, problem: unknown) => void;
  readonly graceMs?: number;
}

export class DesertedRuns {
  constructor(private readonly deps: DesertedRunsDependencies) {}

  /** A client waits for its end no longer, or not yet. */
  left(id: InvocationId): void {
    if (!this.waits(id)) return;
    setTimeout(() => {
      this.check(id).catch((problem: unknown) => {
        this.deps.onTrouble(id, problem);
        this.left(id);
      });
    }, this.deps.graceMs ?? graceMs).unref();
  }

  private async check(id: InvocationId): Promise<void> {
    const { store, live, end } = this.deps;
    const submission = await store.submissionOf(id);
    if (submission?.command.kind !== "attached" || !this.waits(id)) return;
    await end(live.get(id)!, "its glean run is gone: nobody would see what it prints");
  }

  private waits(id: InvocationId): boolean {
    const { live, waiters } = this.deps;
    return live.get(id)?.state === "PENDING" && !waiters.isAwaited(id);
  }
}
