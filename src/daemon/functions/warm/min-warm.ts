// Keeps workers of functions warm that have a min-warm, even if nobody calls: starts those that are
// missing where the pool's policy finds room, and tells executors which ones not to end.

import type { Logger } from "pino";
import { nowMs } from "../../../clock.js";
import { decidePool } from "../../../core/functions/pool/decide.js";
import type { IdleWorker, PoolFunction, PoolNode } from "../../../core/functions/pool/state.js";
import { withinWarmLimit } from "../../../core/functions/warm-memory.js";
import type { FunctionVersion } from "../../../core/ports/functions.js";
import type { Store } from "../../../core/ports/store.js";
import { type WorkerKind, workerKey } from "../../../model/call.js";
import { messageOf } from "../../../model/errors.js";
import type { Identity } from "../../../model/invocation.js";
import type { WarmWorkers } from "../../../wire/calls.js";
import type { Access } from "../../auth/access.js";
import type { Accounts } from "../../auth/accounts.js";
import { Rounds } from "../../records/rounds.js";
import type { ExecutorRecord, Line } from "../../state/executor-record.js";
import type { LiveInvocations } from "../../state/live.js";
import { callsOf } from "../../state/queue-figures.js";
import type { Registry } from "../../state/registry.js";

const everyMs = 5_000;
/**
 * A function whose workers do not stay (they end while they load, or holes close) is started again
 * after this pause, which doubles each time: each start is billed.
 */
const firstPauseMs = 5_000;
const longestPauseMs = 600_000;
/** Nobody has called: no use of a worker is expected. */
const outlook = { seats: [], changesAtMs: Number.POSITIVE_INFINITY };

export interface MinWarmDependencies {
  readonly store: Pick<Store, "listMinWarm">;
  readonly registry: Pick<Registry, "all">;
  readonly live: Pick<LiveInvocations, "singles" | "runs" | "get">;
  readonly accounts: Pick<Accounts, "byUid" | "gidOf">;
  readonly access: Pick<Access, "require">;
  readonly limitMbOfUser: number;
  /** Whether no worker can load it. */
  readonly isStopped: (version: FunctionVersion) => boolean;
  /** Submits a call that only loads, as its owner. */
  readonly warmUp: (owner: Identity, version: FunctionVersion) => Promise<void>;
  readonly log: Logger;
}

/** A function whose workers are kept, and what its workers are called. */
interface Wanted {
  readonly function: FunctionVersion;
  readonly kind: WorkerKind;
  readonly key: string;
}

export class MinWarm extends Rounds {
  private readonly starts = new Map<string, { readonly atMs: number; readonly pauseMs: number }>();
  /** What each executor was told last, by its connection. */
  private readonly told = new WeakMap<Line, string>();

  constructor(private readonly deps: MinWarmDependencies) {
    super(everyMs);
  }

  protected async work(): Promise<void> {
    try {
      const wanted = await this.wanted();
      const records = this.deps.registry.all().filter(({ takesWork }) => takesWork);
      const decision = decidePool({
        nowMs: nowMs(),
        functions: wanted.map((each) => this.poolFunction(each)),
        workers: records.flatMap((record) => idleOn(record, wanted)),
        nodes: records.map(nodeOf),
      });
      const stopped = new Set(decision.stop.map(({ worker }) => worker));
      const missingOf = (key: string) => decision.start.filter((each) => each.key === key).length;
      // Before the starts: by the next round, a worker may have been idle for its function's time.
      for (const record of records) this.tell(record, wanted, stopped, missingOf);
      for (const each of wanted) {
        const missing = missingOf(each.key);
        if (missing > 0) await this.startMissing(each, missing);
      }
    } catch (cause) {
      this.deps.log.error({ cause: messageOf(cause) }, "cannot keep workers warm");
    }
  }

  private async wanted(): Promise<Wanted[]> {
    const { store, limitMbOfUser, isStopped } = this.deps;
    return withinWarmLimit(await store.listMinWarm(), limitMbOfUser)
      .filter((each) => !isStopped(each))
      .map((each) => {
        const { cores, memoryMb, gpus } = each.settings;
        const kind = { uid: each.owner.uid, version: each.version, cores, memoryMb, gpus };
        return { function: each, kind, key: workerKey(kind) };
      });
  }

  /** Calls that wait, also those that only load, will have a worker soon. */
  private poolFunction({ key, kind, function: { settings } }: Wanted): PoolFunction {
    const busyWorkers = callsOf(this.deps.live, kind).open;
    const { memoryMb, minWarm } = settings;
    return { key, memoryMb, minWarm, busyWorkers, outlook };
  }

  private waiting(kind: WorkerKind): number {
    return callsOf(this.deps.live, kind).waiting;
  }

  private tell(
    record: ExecutorRecord,
    wanted: readonly Wanted[],
    stopped: ReadonlySet<string>,
    missingOf: (key: string) => number,
  ): void {
    const workers = wanted.flatMap(({ key, kind, function: { settings } }): WarmWorkers[] => {
      const idle = idIndexes(record, key).filter((id) => !stopped.has(id)).length;
      const busy = [...record.attempts.keys()].filter(
        (id) => this.deps.live.get(id)?.digest.version === kind.version,
      ).length;
      // Those that are to start may start here.
      const coming = missingOf(key) + this.waiting(kind);
      const count = Math.min(settings.minWarm, idle + busy + coming);
      return count === 0 ? [] : [{ ...kind, count }];
    });
    const { line } = record;
    const text = JSON.stringify(workers);
    if (line === null || this.told.get(line) === text) return;
    if (line.send({ type: "keepWarm", workers })) this.told.set(line, text);
  }

  private async startMissing({ function: version, key }: Wanted, missing: number): Promise<void> {
    const { accounts, access, warmUp, log } = this.deps;
    const before = this.starts.get(key);
    const atMs = nowMs();
    if (before !== undefined && atMs - before.atMs < before.pauseMs) return;
    const isRepeated = before !== undefined && atMs - before.atMs < longestPauseMs;
    const pauseMs = isRepeated ? Math.min(longestPauseMs, before.pauseMs * 2) : firstPauseMs;
    this.starts.set(key, { atMs, pauseMs });
    const { uid, user } = version.owner;
    try {
      const account = await accounts.byUid(uid);
      if (account === null) return;
      const owner = { uid, user, gid: await accounts.gidOf(account) };
      await access.require(owner);
      for (let started = 0; started < missing; started++) await warmUp(owner, version);
    } catch (cause) {
      const name = `${user}/${version.name}`;
      log.warn({ function: name, cause: messageOf(cause) }, "cannot start a worker ahead");
    }
  }
}

/** gleanerd knows how many idle workers there are: any of them stands for any other. */
const idIndexes = (record: ExecutorRecord, key: string): string[] =>
  Array.from(
    { length: record.idleWorkers.saidOf(key) },
    (_, index) => `${record.id} ${key} ${index}`,
  );

const idleOn = (record: ExecutorRecord, wanted: readonly Wanted[]): IdleWorker[] =>
  wanted.flatMap(({ key, kind: { memoryMb } }) =>
    idIndexes(record, key).map((id) => ({ id, key, node: record.node, memoryMb, sinceMs: 0 })),
  );

const nodeOf = ({ node, free, outlook: { endsAtMs } }: ExecutorRecord): PoolNode => ({
  node,
  idleMemoryMb: free.memoryMb,
  endsAtMs,
});
