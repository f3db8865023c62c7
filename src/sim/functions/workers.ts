// Replays the calls of all functions through the pool's own policy.

import FlatQueue from "flatqueue";
import { Arrivals } from "../../core/functions/pool/arrivals.js";
import { decidePool } from "../../core/functions/pool/decide.js";
import type { IdleWorker, PoolNode } from "../../core/functions/pool/state.js";
import { nodeName } from "../../model/ids.js";
import type { FunctionCalls } from "./trace.js";

export interface KeepAlive {
  /** The fixed keep-alive whose idle time may be spent. */
  readonly keepAliveMs: number;
  readonly idleTimeoutMs: number | null;
  readonly minWarm: number;
}

export interface WorkerCosts {
  readonly memoryMb: number;
  readonly coldStartMs: number;
}

export interface WorkerSums {
  coldStarts: number;
  /**
   * Those of them for which there never was a worker: the first call, and the first that runs
   * beside as many others.
   */
  firstUses: number;
  startedAhead: number;
  /** Memory of idle and starting workers, times how long they were there. */
  idleMbMs: number;
}

interface Worker extends IdleWorker {
  /** Later than `sinceMs` for a worker that was started ahead. */
  readonly readyAtMs: number;
}

interface Pool {
  readonly calls: FunctionCalls;
  /** The next call. */
  next: number;
  readonly ends: FlatQueue<null>;
  /** Those that were used last are at the end. */
  idle: Worker[];
  /** `idle` is counted up to here. */
  countedToMs: number;
  decidesAtMs: number;
  /** When the pool is next in the queue of events. */
  queuedAtMs: number;
  mostRunning: number;
}

const node = nodeName("trace");
/** The replay has no holes: a node that never lacks memory. */
const ample: PoolNode = { node, idleMemoryMb: Number.POSITIVE_INFINITY, endsAtMs: null };
const never = Number.POSITIVE_INFINITY;

/**
 * A worker runs one call at a time. The calls keep the times of the trace: a cold start delays no
 * other call, so that each policy sees the same calls.
 */
export class WorkerReplay {
  private readonly sums: WorkerSums = {
    coldStarts: 0,
    firstUses: 0,
    startedAhead: 0,
    idleMbMs: 0,
  };
  private readonly arrivals: Arrivals;
  private readonly pools: readonly Pool[];
  /** The functions by their next event. */
  private readonly events = new FlatQueue<Pool>();
  private workers = 0;

  constructor(
    functions: readonly FunctionCalls[],
    private readonly keepAlive: KeepAlive,
    private readonly costs: WorkerCosts,
  ) {
    this.arrivals = new Arrivals(keepAlive.keepAliveMs);
    this.pools = functions.map((calls) => ({
      calls,
      next: 0,
      ends: new FlatQueue<null>(),
      idle: [],
      countedToMs: 0,
      decidesAtMs: never,
      queuedAtMs: never,
      mostRunning: 0,
    }));
  }

  /** Replays from 0, where all functions are deployed already, to `endMs`. */
  run(endMs: number, onCall: () => void): WorkerSums {
    for (const pool of this.pools) {
      this.settle(pool, 0, 0);
      this.enqueue(pool);
    }
    while (this.events.length > 0 && this.events.peekValue()! <= endMs) {
      const nowMs = this.events.peekValue()!;
      const pool = this.events.pop()!;
      if (pool.queuedAtMs !== nowMs) continue;
      pool.queuedAtMs = never;
      this.count(pool, nowMs);
      if (pool.ends.peekValue() === nowMs) this.callEnds(pool, nowMs);
      else if (pool.decidesAtMs > nowMs) {
        this.callStarts(pool, nowMs);
        onCall();
      }
      this.settle(pool, nowMs, this.costs.coldStartMs);
      this.enqueue(pool);
    }
    for (const pool of this.pools) this.count(pool, endMs);
    return this.sums;
  }

  /** At the same moment calls end first, then the pool is decided, then calls start. */
  private enqueue(pool: Pool): void {
    const startsAtMs = pool.calls.startsMs[pool.next] ?? never;
    const atMs = Math.min(startsAtMs, pool.ends.peekValue() ?? never, pool.decidesAtMs);
    if (atMs === never) return;
    pool.queuedAtMs = atMs;
    this.events.push(pool, atMs);
  }

  private count(pool: Pool, nowMs: number): void {
    this.sums.idleMbMs += pool.idle.length * this.costs.memoryMb * (nowMs - pool.countedToMs);
    pool.countedToMs = nowMs;
  }

  private callEnds(pool: Pool, nowMs: number): void {
    pool.ends.pop();
    this.arrivals.callEnded(pool.calls.name, nowMs);
    pool.idle.push(this.newWorker(pool, nowMs, nowMs));
  }

  private callStarts(pool: Pool, nowMs: number): void {
    this.arrivals.callArrived(pool.calls.name, nowMs);
    pool.ends.push(null, pool.calls.endsMs[pool.next++]!);
    const warm = pool.idle.findLastIndex(({ readyAtMs }) => readyAtMs <= nowMs);
    if (warm < 0) this.sums.coldStarts++;
    if (warm < 0 && pool.ends.length > pool.mostRunning) this.sums.firstUses++;
    pool.mostRunning = Math.max(pool.mostRunning, pool.ends.length);
    // A worker that is still starting takes the call, too, which waits for it.
    if (pool.idle.length > 0) pool.idle.splice(warm, 1);
  }

  private settle(pool: Pool, nowMs: number, startMs: number): void {
    const { name: key } = pool.calls;
    const { memoryMb, coldStartMs } = this.costs;
    const { minWarm, idleTimeoutMs } = this.keepAlive;
    const outlook = this.arrivals.outlook(key, nowMs, { idleTimeoutMs, coldStartMs });
    pool.decidesAtMs = outlook.changesAtMs;
    const busyWorkers = pool.ends.length;
    if (pool.idle.length === Math.max(outlook.seats.length, minWarm - busyWorkers)) return;
    const decision = decidePool({
      nowMs,
      functions: [{ key, memoryMb, minWarm, busyWorkers, outlook }],
      workers: pool.idle,
      nodes: [ample],
    });
    const stopped = new Set(decision.stop.map(({ worker }) => worker));
    if (stopped.size > 0) pool.idle = pool.idle.filter(({ id }) => !stopped.has(id));
    this.sums.startedAhead += decision.start.length;
    for (const _ of decision.start) pool.idle.push(this.newWorker(pool, nowMs, nowMs + startMs));
  }

  private newWorker(pool: Pool, sinceMs: number, readyAtMs: number): Worker {
    const id = String(++this.workers);
    const { memoryMb } = this.costs;
    return { id, key: pool.calls.name, node, memoryMb, sinceMs, readyAtMs };
  }
}
