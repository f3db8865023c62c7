// Tells nodes for which users to boot spares before their first call there.

import type { Logger } from "pino";
import { nowMs } from "../../../clock.js";
import type { Callers } from "../../../core/functions/pool/callers.js";
import type { CallMade } from "../../../core/functions/pool/expected-calls.js";
import { messageOf } from "../../../model/errors.js";
import type { NodeName } from "../../../model/ids.js";
import { fits, type Resources } from "../../../model/resources.js";
import type { AttemptOrder } from "../../../wire/messages.js";
import type { Access } from "../../auth/access.js";
import { Rounds } from "../../records/rounds.js";
import type { Events } from "../../state/events.js";
import type { ExecutorRecord } from "../../state/executor-record.js";
import type { Registry } from "../../state/registry.js";

const everyMs = 1_000;
/** Calls of one user seldom come to more nodes at once; on the others the first one brings them. */
const maxNodesOfUser = 32;

export interface SparesAheadDependencies {
  readonly registry: Pick<Registry, "all">;
  readonly events: Events;
  readonly access: Pick<Access, "require">;
  readonly keepAlive: { readonly callers: Pick<Callers<CallMade>, "recent" | "forget"> };
  /** An order like that of this call. */
  readonly orderOf: (call: CallMade, node: NodeName) => AttemptOrder;
  readonly log: Logger;
}

interface Site {
  readonly record: ExecutorRecord;
  readonly free: Resources;
}

export class SparesAhead extends Rounds {
  /** The users for whom it was told. Afterwards the calls that end there bring spares. */
  private readonly told = new WeakMap<ExecutorRecord, Set<number>>();

  constructor(private readonly deps: SparesAheadDependencies) {
    super(everyMs);
    // Nodes that become ready together share a round, or wait for the next one.
    deps.events.subscribe(["executorReady"], () => {
      if (!this.isStopped) void this.run();
    });
  }

  protected async work(): Promise<void> {
    try {
      await this.tellAll();
    } catch (cause) {
      this.deps.log.error({ cause: messageOf(cause) }, "cannot have spares booted ahead");
    }
  }

  private async tellAll(): Promise<void> {
    const { registry, keepAlive } = this.deps;
    const calls = keepAlive.callers.recent(nowMs());
    if (calls.length === 0) return;
    const sites = registry
      .all()
      .filter(({ takesWork }) => takesWork)
      .map((record) => ({ record, free: record.free }));
    for (const call of calls) await this.tell(call, sites);
  }

  private async tell(call: CallMade, sites: readonly Site[]): Promise<void> {
    const { access, keepAlive, orderOf, log } = this.deps;
    const { owner, cores, memoryMb } = call.invocation;
    const { uid } = owner;
    const isTold = (record: ExecutorRecord) => this.told.get(record)?.has(uid) === true;
    const most = maxNodesOfUser - sites.filter(({ record }) => isTold(record)).length;
    const open = sites
      .filter(({ record, free }) => !isTold(record) && fits({ cores, memoryMb, gpus: 0 }, free))
      .slice(0, Math.max(0, most));
    if (open.length === 0) return;
    try {
      await access.require(owner);
      for (const { record } of open) {
        const order = orderOf(call, record.node);
        if (!record.line?.send({ type: "startAhead", order, isSpare: true })) continue;
        this.told.set(record, (this.told.get(record) ?? new Set()).add(uid));
      }
    } catch (thrown) {
      keepAlive.callers.forget(uid);
      log.warn({ user: owner.user, cause: messageOf(thrown) }, "cannot have spares booted ahead");
    }
  }
}
