// Replays the calls of one function through the pool's own policy.

import FlatQueue from "flatqueue";
import { Arrivals } from "../../core/functions/pool/arrivals.js";
import { decidePool } from "../../core/functions/pool/decide.js";
import type { IdleWorker, PoolNode } from "../../core/functions/pool/state.js";
import { nodeName } from "../../model/ids.js";
import type { FunctionCalls } from "./trace.js";

export interface KeepAlive {
  readonly worthMs: number;
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

const node = nodeName("trace");
/** The replay has no holes: a node that never lacks memory. */
const ample: PoolNode = { node, idleMemoryMb: Number.POSITIVE_INFINITY, endsAtMs: null };

/**
 * A worker runs one call at a time. The calls keep the times of the trace: a cold start delays no
 * other call, so that each policy sees the same calls.
 */
export class WorkerReplay {
  readonly sums: WorkerSums = { coldStarts: 0, firstUses: 0, startedAhead: 0, idleMbMs: 0 };
  private readonly arrivals: Arrivals;
  private readonly ends = new FlatQueue<null>();
  /** Those that were used last are at the end. */
  private idle: Worker[] = [];
  private nowMs = 0;
  private wakesAtMs = Number.POSITIVE_INFINITY;
  private mostRunning = 0;
  private workers = 0;

  constructor(
    private readonly calls: FunctionCalls,
    private readonly keepAlive: KeepAlive,
    private readonly costs: WorkerCosts,
  ) {
    this.arrivals = new Arrivals(keepAlive.worthMs);
  }

  /** Replays from 0, where the function is deployed already, to `endMs`. */
  run(endMs: number): WorkerSums {
    this.settle(0);
    const { startsMs, endsMs } = this.calls;
    for (let next = 0; ; ) {
      const endsAtMs = this.ends.peekValue() ?? Number.POSITIVE_INFINITY;
      const startsAtMs = startsMs[next] ?? Number.POSITIVE_INFINITY;
      const atMs = Math.min(endsAtMs, this.wakesAtMs, startsAtMs);
      this.pass(Math.min(atMs, endMs));
      if (atMs >= endMs && next === startsMs.length) return this.sums;
      if (endsAtMs === atMs) this.callEnds();
      else if (startsAtMs === atMs && this.wakesAtMs > atMs) this.callStarts(endsMs[next++]!);
      this.settle(this.costs.coldStartMs);
    }
  }

  private pass(atMs: number): void {
    this.sums.idleMbMs += this.idle.length * this.costs.memoryMb * (atMs - this.nowMs);
    this.nowMs = atMs;
  }

  private callEnds(): void {
    this.ends.pop();
    this.arrivals.callEnded(this.calls.name, this.nowMs);
    this.idle.push(this.workerFrom(this.nowMs));
  }

  private callStarts(endsAtMs: number): void {
    this.arrivals.callArrived(this.calls.name, this.nowMs);
    this.ends.push(null, endsAtMs);
    const warm = this.idle.findLastIndex(({ readyAtMs }) => readyAtMs <= this.nowMs);
    if (warm < 0) this.sums.coldStarts++;
    if (warm < 0 && this.ends.length > this.mostRunning) this.sums.firstUses++;
    this.mostRunning = Math.max(this.mostRunning, this.ends.length);
    // A worker that is still starting takes the call, too, which waits for it.
    if (this.idle.length > 0) this.idle.splice(warm, 1);
  }

  private settle(startMs: number): void {
    const { name: key } = this.calls;
    const { memoryMb, coldStartMs } = this.costs;
    const { minWarm, idleTimeoutMs } = this.keepAlive;
    const outlook = this.arrivals.outlook(key, this.nowMs, { idleTimeoutMs, coldStartMs });
    this.wakesAtMs = outlook.changesAtMs;
    const busyWorkers = this.ends.length;
    const wanted = Math.max(outlook.seats.length, minWarm - busyWorkers);
    if (wanted === this.idle.length) return;
    const decision = decidePool({
      nowMs: this.nowMs,
      functions: [{ key, memoryMb, minWarm, busyWorkers, outlook }],
      workers: this.idle,
      nodes: [ample],
    });
    const stopped = new Set(decision.stop.map(({ worker }) => worker));
    if (stopped.size > 0) this.idle = this.idle.filter(({ id }) => !stopped.has(id));
    this.sums.startedAhead += decision.start.length;
    for (const _ of decision.start) this.idle.push(this.workerFrom(this.nowMs + startMs));
  }

  private workerFrom(readyAtMs: number): Worker {
    const { memoryMb } = this.costs;
    const id = String(++this.workers);
    return { id, key: this.calls.name, node, memoryMb, sinceMs: this.nowMs, readyAtMs };
  }
}
