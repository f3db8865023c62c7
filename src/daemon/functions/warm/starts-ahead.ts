// Has workers started before they are called: those whose calls are expected soon, and those that
// were lost with their node although their function had not kept them for its time yet.

import type { Logger } from "pino";
import { clearTimeout, monotonicMs, nowMs, setTimeout, type Timer } from "../../../clock.js";
import { decidePool } from "../../../core/functions/pool/decide.js";
import type { ExpectedCalls } from "../../../core/functions/pool/expected-calls.js";
import {
  nextStarts,
  type StartUnderWay,
  type WantedStart,
} from "../../../core/functions/pool/next-starts.js";
import type { IdleWorker, PoolFunction } from "../../../core/functions/pool/state.js";
import { messageOf } from "../../../model/errors.js";
import { type NodeName, type VersionId, versionId } from "../../../model/ids.js";
import { remember } from "../../../model/remember.js";
import type { AttemptOrder } from "../../../wire/messages.js";
import type { Access } from "../../auth/access.js";
import { Rounds } from "../../records/rounds.js";
import type { Events } from "../../state/events.js";
import type { ExecutorRecord } from "../../state/executor-record.js";
import type { Registry } from "../../state/registry.js";

const everyMs = 1_000;
/** Executors end a worker that is not ready after 30 s. */
const readyMs = 35_000;
/**
 * A node that had no room is asked again after this time, and after twice as long each further
 * time: gleanerd does not know of its spares.
 */
const fullMs = { first: 1_000, longest: 60_000 };
/** The turns and the rests of as many users are remembered, those of the last starts. */
const maxUsers = 1_000;
/**
 * After a slow start none of its user begins for this many times as long: calls start workers
 * meanwhile.
 */
const restPerStart = 10;
const slowMs = 500;
/** What happens in this time is answered by one round, which looks at all nodes. */
const soonMs = 20;
/** After a round none begins for this many times as long: gleanerd has other work. */
const pausePerRound = 10;
/** An executor says this soon which workers are idle: later, one whose call has ended is lost. */
const announcedMs = 500;

export interface StartsAheadDependencies {
  readonly registry: Pick<Registry, "all">;
  readonly events: Events;
  readonly access: Pick<Access, "require">;
  readonly keepAlive: {
    expected(): readonly ExpectedCalls[];
    startedAhead(workerKey: string): void;
    notStarted(workerKey: string): void;
    forget(workerKey: string): void;
  };
  /** Whether no worker can load it. */
  readonly isStopped: (uid: number, version: VersionId) => boolean;
  /** An order like that of its last call. */
  readonly orderOf: (expected: ExpectedCalls, node: NodeName) => AttemptOrder;
  readonly log: Logger;
}

export class StartsAhead extends Rounds {
  /** Others are to be started once one is ready. */
  private hasMore = false;
  private soonTimer: Timer | undefined;
  /** What it took to look at all nodes the last time. */
  private lookedMs = 0;
  /** What the last one took, ready or not. */
  private lastMs = 0;
  /** By user. */
  private readonly restsUntilMs = new Map<number, number>();
  private readonly turns = new Map<number, number>();
  private turn = 0;
  private readonly full = new WeakMap<ExecutorRecord, Full>();

  constructor(private readonly deps: StartsAheadDependencies) {
    super(everyMs);
    const { events, keepAlive } = deps;
    events.subscribe(["executorReady", "executorGone"], () => this.soon());
    events.subscribe(["idleWorkersChanged"], ({ executor }) => {
      this.noteStart(executor);
      if (this.hasMore) this.soon();
    });
    events.subscribe(["aheadEnded"], ({ executor, workerKey, why }) => {
      if (why !== "noRoom") this.noteStart(executor);
      if (why === "failed") keepAlive.forget(workerKey);
      if (why === "noRoom") {
        executor.idleWorkers.takeStart(); // it says nothing of starts
        keepAlive.notStarted(workerKey);
        this.noteFull(executor);
      }
      this.soon();
    });
  }

  private noteStart(record: ExecutorRecord): void {
    const start = record.idleWorkers.takeStart();
    if (start === null) return;
    const { uid, tookMs } = start;
    this.full.delete(record);
    this.lastMs = tookMs;
    if (tookMs > slowMs)
      remember(this.restsUntilMs, uid, nowMs() + restPerStart * tookMs, maxUsers);
  }

  private noteFull(record: ExecutorRecord): void {
    const before = this.full.get(record)?.forMs ?? 0;
    const forMs = Math.min(fullMs.longest, Math.max(fullMs.first, 2 * before));
    this.full.set(record, { forMs, untilMs: nowMs() + forMs });
  }

  private soon(): void {
    if (this.isStopped) return;
    this.soonTimer ??= setTimeout(
      () => {
        this.soonTimer = undefined;
        void this.run();
      },
      Math.max(soonMs, pausePerRound * this.lookedMs),
    );
  }

  override stop(): Promise<void> {
    clearTimeout(this.soonTimer);
    return super.stop();
  }

  protected async work(): Promise<void> {
    try {
      await this.startMissing();
    } catch (cause) {
      this.deps.log.error({ cause: messageOf(cause) }, "cannot start workers ahead");
    }
  }

  private async startMissing(): Promise<void> {
    const { registry, keepAlive } = this.deps;
    const records = registry.all().filter(({ takesWork }) => takesWork);
    for (const record of records)
      for (const key of record.idleWorkers.giveUp(nowMs() - readyMs)) keepAlive.forget(key);
    const beganMs = monotonicMs();
    const expected = new Map(keepAlive.expected().map((each) => [each.workerKey, each]));
    const missing = missingOf(records, expected, (record) => this.isFull(record)).filter(
      ({ uid }) => nowMs() >= (this.restsUntilMs.get(uid) ?? 0),
    );
    const underWay = underWayOn(records);
    const next = nextStarts(missing, underWay, records.length, this.lastMs, this.turns);
    this.hasMore = missing.length > next.length;
    this.lookedMs = monotonicMs() - beganMs;
    for (const { record, expected } of next) await this.startOne(record, expected);
  }

  private isFull(record: ExecutorRecord): boolean {
    return nowMs() < (this.full.get(record)?.untilMs ?? 0);
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
      else if (record.line?.send({ type: "startAhead", order: orderOf(expected, record.node) })) {
        record.idleWorkers.startAhead(workerKey, version, owner.uid, nowMs());
        keepAlive.startedAhead(workerKey);
        remember(this.turns, owner.uid, ++this.turn, maxUsers);
      }
    } catch (thrown) {
      keepAlive.forget(workerKey);
      const problem = { function: command.function, cause: messageOf(thrown) };
      log.warn(problem, "cannot start a worker ahead");
    }
  }
}

interface Full {
  readonly forMs: number;
  readonly untilMs: number;
}

interface Missing extends WantedStart {
  readonly record: ExecutorRecord;
  readonly expected: ExpectedCalls;
}

/** The workers that the policy of the pool would start, the most wanted first. */
function missingOf(
  records: readonly ExecutorRecord[],
  expected: ReadonlyMap<string, ExpectedCalls>,
  isFull: (record: ExecutorRecord) => boolean,
): readonly Missing[] {
  const byNode = new Map(records.map((record) => [record.node, record]));
  const idle = new Map(records.map((record) => [record.node, idleOn(record, expected)]));
  const decision = decidePool({
    nowMs: nowMs(),
    functions: [...expected.values()].map(poolFunction),
    workers: [...idle.values()].flat(),
    nodes: records.map((record) => {
      const { node, free, outlook } = record;
      // Loading takes a core, which what runs must not miss.
      const hasRoom = free.cores > 0 && !isFull(record);
      const heldMb = idle.get(node)!.reduce((sum, { memoryMb }) => sum + memoryMb, 0);
      const idleMemoryMb = hasRoom ? free.memoryMb : heldMb;
      return { node, endsAtMs: outlook.endsAtMs, idleMemoryMb, freeCores: free.cores };
    }),
  });
  return decision.start.map(({ key, node }) => {
    const of = expected.get(key)!;
    return { uid: of.invocation.owner.uid, node, record: byNode.get(node)!, expected: of };
  });
}

function poolFunction({ workerKey, invocation, outlook }: ExpectedCalls): PoolFunction {
  const { memoryMb, cores } = invocation;
  const seats = outlook.seats.map((seat) => ({
    ...seat,
    mayStart: seat.mayStart && seat.idleMs >= announcedMs,
  }));
  const known = { ...outlook, seats };
  return { key: workerKey, memoryMb, cores, minWarm: 0, busyWorkers: 0, outlook: known };
}

const underWayOn = (records: readonly ExecutorRecord[]): readonly StartUnderWay[] =>
  records.flatMap(({ node, idleWorkers }) =>
    [...idleWorkers.startingAhead.values()].map(({ uid, atMs }) => ({
      ...{ uid, node },
      ageMs: nowMs() - atMs,
    })),
  );

/** Also those that start; any of a kind stands for any other. */
function idleOn(
  record: ExecutorRecord,
  expected: ReadonlyMap<string, ExpectedCalls>,
): IdleWorker[] {
  const { left, startingAhead } = record.idleWorkers;
  const counts = new Map(left);
  for (const key of startingAhead.keys()) counts.set(key, (counts.get(key) ?? 0) + 1);
  return [...counts].flatMap(([key, count]) => {
    const memoryMb = expected.get(key)?.invocation.memoryMb;
    if (memoryMb === undefined) return [];
    return Array.from({ length: count }, (_, index) => ({
      ...{ id: `${record.id} ${key} ${index}`, key, node: record.node, memoryMb, sinceMs: 0 },
    }));
  });
}
