// Has workers started before they are called: those whose calls are expected soon, and those that
// were lost with their node although their calls are expected.

import type { Logger } from "pino";
import { nowMs } from "../../../clock.js";
import { decidePool } from "../../../core/functions/pool/decide.js";
import type { ExpectedCalls } from "../../../core/functions/pool/expected-calls.js";
import type { IdleWorker } from "../../../core/functions/pool/state.js";
import { messageOf } from "../../../model/errors.js";
import { type NodeName, type VersionId, versionId } from "../../../model/ids.js";
import type { AttemptOrder } from "../../../wire/messages.js";
import type { Access } from "../../auth/access.js";
import { Rounds } from "../../records/rounds.js";
import type { Events } from "../../state/events.js";
import type { ExecutorRecord } from "../../state/executor-record.js";
import type { Registry } from "../../state/registry.js";

const everyMs = 1_000;
/** Executors end a worker that is not ready after 30 s. */
const readyMs = 35_000;
/** One of them starts one at a time: cores and file systems are there for calls that wait. */
const nodesOfOneStart = 4;

export interface StartsAheadDependencies {
  readonly registry: Pick<Registry, "all">;
  readonly events: Events;
  readonly access: Pick<Access, "require">;
  readonly keepAlive: {
    expected(): readonly ExpectedCalls[];
    forget(workerKey: string): void;
  };
  /** Whether no worker can load it. */
  readonly isStopped: (uid: number, version: VersionId) => boolean;
  /** An order like that of its last call. */
  readonly orderOf: (expected: ExpectedCalls, node: NodeName) => AttemptOrder;
  readonly log: Logger;
}

export class StartsAhead extends Rounds {
  private round: Promise<void> | null = null;
  /** Others are to be started once one is ready. */
  private hasMore = false;

  constructor(private readonly deps: StartsAheadDependencies) {
    super(everyMs);
    deps.events.subscribe(["idleWorkersChanged"], () => {
      if (this.hasMore && !this.isStopped) void this.run();
    });
  }

  run(): Promise<void> {
    this.round ??= this.startMissing().finally(() => {
      this.round = null;
    });
    return this.round;
  }

  private async startMissing(): Promise<void> {
    const { registry, keepAlive } = this.deps;
    const records = registry.all().filter(({ takesWork }) => takesWork);
    for (const record of records)
      for (const key of record.idleWorkers.giveUp(nowMs() - readyMs)) keepAlive.forget(key);
    const expected = new Map(keepAlive.expected().map((each) => [each.workerKey, each]));
    const missing = missingOf(records, expected);
    const starting = records.reduce((sum, each) => sum + each.idleWorkers.startingAhead.size, 0);
    const most = Math.max(1, Math.floor(records.length / nodesOfOneStart)) - starting;
    this.hasMore = missing.length > most;
    for (const { record, expected } of missing.slice(0, Math.max(0, most)))
      await this.startOne(record, expected);
  }

  private async startOne(record: ExecutorRecord, expected: ExpectedCalls): Promise<void> {
    const { access, keepAlive, isStopped, orderOf, log } = this.deps;
    const { workerKey, invocation, submission } = expected;
    const { owner } = invocation;
    const { command } = submission;
    if (command.kind !== "call") return;
    const version = versionId(command.version);
    try {
      await access.require(owner);
      if (isStopped(owner.uid, version)) keepAlive.forget(workerKey);
      else if (record.line?.send({ type: "startAhead", order: orderOf(expected, record.node) }))
        record.idleWorkers.startAhead(workerKey, version, nowMs());
    } catch (thrown) {
      keepAlive.forget(workerKey);
      const problem = { function: command.function, cause: messageOf(thrown) };
      log.warn(problem, "cannot start a worker ahead");
    }
  }
}

interface Missing {
  readonly record: ExecutorRecord;
  readonly expected: ExpectedCalls;
}

/** The workers that the policy of the pool would start, the most wanted first. */
function missingOf(
  records: readonly ExecutorRecord[],
  expected: ReadonlyMap<string, ExpectedCalls>,
): readonly Missing[] {
  const byNode = new Map(records.map((record) => [record.node, record]));
  const idle = new Map(records.map((record) => [record.node, idleOn(record, expected)]));
  const decision = decidePool({
    nowMs: nowMs(),
    functions: [...expected.values()].map(({ workerKey, invocation, outlook }) => {
      const { memoryMb } = invocation;
      return { key: workerKey, memoryMb, minWarm: 0, busyWorkers: 0, outlook };
    }),
    workers: [...idle.values()].flat(),
    nodes: records.map(({ node, free, outlook: { endsAtMs } }) => {
      // Loading takes a core, which what runs must not miss.
      const heldMb = idle.get(node)!.reduce((sum, { memoryMb }) => sum + memoryMb, 0);
      return { node, endsAtMs, idleMemoryMb: free.cores > 0 ? free.memoryMb : heldMb };
    }),
  });
  return decision.start.map(({ key, node }) => ({
    record: byNode.get(node)!,
    expected: expected.get(key)!,
  }));
}

/** Also those that start; any of a kind stands for any other. */
function idleOn(
  record: ExecutorRecord,
  expected: ReadonlyMap<string, ExpectedCalls>,
): IdleWorker[] {
  const { left, startingAhead } = record.idleWorkers;
  const counts = new Map(left);
  for (const key of startingAhead) counts.set(key, (counts.get(key) ?? 0) + 1);
  return [...counts].flatMap(([key, count]) => {
    const memoryMb = expected.get(key)?.invocation.memoryMb;
    if (memoryMb === undefined) return [];
    return Array.from({ length: count }, (_, index) => ({
      ...{ id: `${record.id} ${key} ${index}`, key, node: record.node, memoryMb, sinceMs: 0 },
    }));
  });
}
