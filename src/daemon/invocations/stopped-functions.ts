// Refuses calls of versions that no worker can load, and ends those that wait.

import type { Logger } from "pino";
import { nowMs } from "../../clock.js";
import { type CalledBy, LoadFailures } from "../../core/functions/load-failures.js";
import type { Store } from "../../core/ports/store.js";
import { GleanerError, messageOf } from "../../model/errors.js";
import { shownVersion } from "../../model/functions/reference.js";
import type { NodeName, VersionId } from "../../model/ids.js";
import type { LiveInvocations } from "../state/live.js";
import type { Live } from "../state/live-invocation.js";
import { endWithdrawn } from "./withdrawal.js";

/** What a function is called for its caller, and what its caller can do. */
interface Called {
  readonly owner: { readonly uid: number; readonly user: string };
  readonly name: string;
  readonly version: VersionId;
}

export class StoppedFunctions {
  private readonly failures = new LoadFailures();

  constructor(
    private readonly live: LiveInvocations,
    private readonly store: Pick<Store, "endPending" | "recordCall">,
    private readonly log: Logger,
  ) {}

  /** Throws BAD_REQUEST if this user's calls of the version are refused. */
  require(uid: number, { owner, name, version }: Called): void {
    const why = this.failures.whyStopped({ uid, version });
    if (why === null) return;
    const label = `${owner.user}/${name}@${shownVersion(version)}`;
    const todo = owner.uid === uid ? "deploy it again" : `ask ${owner.user} to deploy it again`;
    throw new GleanerError("BAD_REQUEST", `${label} is stopped: ${why}: ${todo}`);
  }

  /** null if this user's calls of the version are accepted. */
  whyStopped(uid: number, version: VersionId): string | null {
    return this.failures.whyStopped({ uid, version });
  }

  /** The running attempt ended, because its worker could not load the code. */
  failed(live: Live, message: string, others: (tried: ReadonlySet<NodeName>) => number): void {
    const called = calledBy(live);
    if (called === null) return;
    const failure = { ...called, node: live.invocation.node!, message };
    if (this.failures.failed(failure, others, nowMs())) void this.endWaiting(called);
  }

  loaded(live: Live): void {
    const called = calledBy(live);
    if (called !== null) this.failures.loaded(called);
  }

  deployed(version: VersionId): void {
    this.failures.deployed(version);
  }

  avoidedBy(live: Live): readonly NodeName[] {
    const called = calledBy(live);
    return called === null ? [] : this.failures.avoidedBy(called, nowMs());
  }

  private async endWaiting({ uid, version }: CalledBy): Promise<void> {
    const { live, store } = this;
    const why = this.failures.whyStopped({ uid, version });
    this.log.info({ uid, version, why }, "stopped a function");
    const singles = [...live.singles(uid)].filter(
      ({ id, digest }) => digest.version === version && live.queue.has(id),
    );
    for (const each of singles) live.withdraw(each);
    const runs = [...live.queue.runs]
      .filter(
        ({ submission: { requested, digest } }) =>
          requested.owner.uid === uid && digest.version === version,
      )
      .flatMap(({ fromId, toId }) => live.withdrawRuns([fromId, toId]));
    try {
      const reason = `its function is stopped: ${why}`;
      await endWithdrawn({ live, store }, { singles, runs }, "FAILED", reason);
    } catch (cause) {
      // They wait again, and each fails by itself.
      this.log.error({ cause: messageOf(cause) }, "cannot end the calls of a stopped function");
    }
  }
}

const calledBy = ({ owner, digest }: Live): CalledBy | null =>
  digest.version === null ? null : { uid: owner.uid, version: digest.version };
