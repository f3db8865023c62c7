// Follows each call through the core's own queue and placement.

import FlatQueue from "flatqueue";
import { type PlacementPolicy, place, type Slot } from "../../core/placement/placement.js";
import { WaitingQueue } from "../../core/placement/queue.js";
import { type ExecutorId, executorId, type InvocationId, invocationId } from "../../model/ids.js";
import type { Learner } from "../learner.js";
import type { CallFigures } from "./call-figures.js";
import type { Call, CallSource } from "./demand.js";
import { takeWorker, type Worker } from "./slot-worker.js";
import type { Evicted, KnownHole, Workload, WorkSink } from "./workload.js";

/** Bounds of the backlog of saturating demand, which is as large as the nodes' cores in between. */
const leastBacklog = 200;
const mostBacklog = 20_000;
/** functions.maxPending of the configuration: arrivals beyond it are rejected. */
const maxWaiting = 100_000;

interface Live {
  readonly id: InvocationId;
  readonly call: Call;
  readonly submittedAtMs: number;
  attempts: number;
  /** The work that it saved before an eviction. */
  keptMs: number;
  /** How long its longest attempt ran. */
  ranMs: number;
}

interface Running {
  readonly live: Live;
  readonly node: number;
  readonly worker: Worker;
  readonly startedAtMs: number;
  /** When the function itself began, after the worker's cold start. */
  readonly beganAtMs: number;
  readonly endsAtMs: number;
  isOver: boolean;
}

interface NodeWork {
  readonly executor: ExecutorId;
  readonly idle: Worker[];
  readonly running: Set<Running>;
  closedUntilMs: number;
}

export interface CallSettings {
  readonly saturating: boolean;
  /** On all nodes. */
  readonly cores: number;
  readonly memoryMb: number;
  readonly coldStartMs: number;
  /** How often a call saves its state; null if it does not. */
  readonly checkpointMs: number | null;
  readonly placement: PlacementPolicy;
  /** When the node's hole is expected to end, or null. */
  readonly endsAtMs: (node: number) => number | null;
  /** Whether it tells any ends. */
  readonly knowsEnds: boolean;
  /** Whether placement looks at busy nodes even where they change nothing, for comparison. */
  readonly offersAll: boolean;
  readonly hole: (node: number) => KnownHole;
  /** null if nothing is learned: then placement sees only nodes with an empty slot. */
  readonly learner: Learner | null;
}

export class Calls implements Workload {
  private readonly queue = new WaitingQueue();
  private readonly live = new Map<InvocationId, Live>();
  private readonly coresHeld = new Map<string, number>();
  private readonly ends = new FlatQueue<Running>();
  private readonly nodes: NodeWork[];
  private readonly nodeOf = new Map<ExecutorId, number>();
  /** Nodes with a slot, each with its place in the order in which they got it. */
  private readonly ready = new Map<number, number>();
  private readied = 0;
  /** Nodes with an empty slot. */
  private readonly open = new Set<number>();
  private readonly reopening = new FlatQueue<number>();
  private readonly backlog: number;
  private nextArrival: { readonly call: Call; readonly atMs: number } | null = null;
  private nextId = 1;
  private nextWorker = 1;

  constructor(
    nodes: number,
    private readonly settings: CallSettings,
    private readonly source: CallSource,
    private readonly fromMs: number,
    private readonly sink: WorkSink,
    private readonly figures: CallFigures,
  ) {
    this.backlog = Math.max(leastBacklog, Math.min(mostBacklog, settings.cores));
    this.nodes = Array.from({ length: nodes }, (_, node) => {
      const executor = executorId(`x${node}`);
      this.nodeOf.set(executor, node);
      return { executor, idle: [], running: new Set(), closedUntilMs: 0 };
    });
    if (!settings.saturating) this.drawArrival();
  }

  nextAtMs(): number {
    return Math.min(
      this.ends.peekValue() ?? Number.POSITIVE_INFINITY,
      this.reopening.peekValue() ?? Number.POSITIVE_INFINITY,
      this.nextArrival?.atMs ?? Number.POSITIVE_INFINITY,
    );
  }

  advance(nowMs: number): void {
    while (this.ends.length > 0 && this.ends.peekValue()! <= nowMs) this.finish(this.ends.pop()!);
    while (this.reopening.length > 0 && this.reopening.peekValue()! <= nowMs)
      this.noteOpen(this.reopening.pop()!, nowMs);
    while (this.nextArrival !== null && this.nextArrival.atMs <= nowMs) {
      if (this.queue.size >= maxWaiting) this.figures.refused++;
      else this.submit(this.nextArrival.call, this.nextArrival.atMs);
      this.drawArrival();
    }
  }

  resize(node: number, slots: number, nowMs: number): Evicted {
    const work = this.nodes[node]!;
    let surplus = work.idle.length + work.running.size - slots;
    for (; surplus < 0; surplus++) work.idle.push({ number: this.nextWorker++, warmFor: null });
    if (surplus > 0) {
      work.idle.sort((a, b) => a.number - b.number);
      surplus -= work.idle.splice(Math.max(0, work.idle.length - surplus)).length;
    }
    let lostMs = 0;
    const victims = surplus > 0 ? youngestFirst(work.running).slice(0, surplus) : [];
    for (const victim of victims) lostMs += this.evict(victim, nowMs);
    if (slots === 0) this.ready.delete(node);
    else if (!this.ready.has(node)) this.ready.set(node, this.readied++);
    this.noteOpen(node, nowMs);
    return { attempts: victims.length, lostMs };
  }

  close(node: number, untilMs: number): void {
    this.nodes[node]!.closedUntilMs = untilMs;
    this.open.delete(node);
    if (Number.isFinite(untilMs)) this.reopening.push(node, untilMs);
  }

  dispatch(nowMs: number): void {
    while (this.open.size > 0) {
      if (this.settings.saturating)
        while (this.queue.size < this.backlog) this.submit(this.source.next().call, nowMs);
      if (this.queue.size === 0) return;
      const slots = this.offered().map((node) => this.slotOf(node));
      const { placement } = this.settings;
      const assignments = place(this.queue, slots, this.coresHeld, nowMs, placement);
      for (const { invocation, executor } of assignments)
        this.start(this.live.get(invocation)!, this.nodeOf.get(executor)!, nowMs);
      if (assignments.length === 0) return;
    }
  }

  /**
   * The nodes that placement looks at. A prediction compares empty slots with busy ones only while
   * there is room for all that waits, or if ends are known; else busy nodes would change nothing.
   */
  private offered(): readonly number[] {
    const { learner, knowsEnds, offersAll } = this.settings;
    if (learner === null) return [...this.open];
    if (knowsEnds || offersAll) return [...this.ready.keys()];
    let free = 0;
    for (const node of this.open) free += this.nodes[node]!.idle.length;
    if (this.queue.size <= free) return [...this.ready.keys()];
    return [...this.open].sort((a, b) => this.ready.get(a)! - this.ready.get(b)!);
  }

  end(nowMs: number): void {
    this.advance(nowMs);
    this.figures.stillWaiting = this.queue.size;
    this.figures.stillRunning = this.live.size - this.queue.size;
  }

  private drawArrival(): void {
    const { call, arrivesAfterMs } = this.source.next();
    this.nextArrival = { call, atMs: this.fromMs + arrivesAfterMs };
  }

  private submit(call: Call, submittedAtMs: number): void {
    const live: Live = {
      id: invocationId(this.nextId++),
      call,
      submittedAtMs,
      attempts: 0,
      keptMs: 0,
      ranMs: 0,
    };
    this.live.set(live.id, live);
    this.figures.submitted(call);
    this.enqueue(live);
  }

  private enqueue({ id, call, submittedAtMs, ranMs }: Live): void {
    const { user, timeLimitMs } = call;
    const { memoryMb } = this.settings;
    const functionKey = keyOf(call);
    const need = { user, cores: 1, memoryMb, gpus: 0, timeLimitMs };
    this.queue.add({ id, ...need, submittedAtMs, functionKey, ranMs });
  }

  private start(live: Live, node: number, nowMs: number): void {
    const work = this.nodes[node]!;
    const worker = takeWorker(work.idle, live.call.functionIndex);
    const isWarm = worker.warmFor === live.call.functionIndex;
    worker.warmFor = live.call.functionIndex;
    const beganAtMs = nowMs + (isWarm ? 0 : this.settings.coldStartMs);
    const endsAtMs = beganAtMs + live.call.durationMs - live.keptMs;
    const running = { live, node, worker, startedAtMs: nowMs, beganAtMs, endsAtMs, isOver: false };
    this.queue.remove(live.id);
    live.attempts++;
    if (live.attempts === 1) this.figures.waited(nowMs - live.submittedAtMs);
    this.hold(live, 1);
    work.running.add(running);
    this.ends.push(running, endsAtMs);
    if (work.idle.length === 0) this.open.delete(node);
  }

  private finish(running: Running): void {
    if (running.isOver) return;
    const { live, node, beganAtMs, endsAtMs } = running;
    this.leave(running);
    this.nodes[node]!.idle.push(running.worker);
    this.live.delete(live.id);
    this.settings.learner?.functionRan(keyOf(live.call), live.call.durationMs);
    this.sink.finished(node, 1, beganAtMs, endsAtMs, 1);
    const lateMs = endsAtMs - live.submittedAtMs - live.call.durationMs;
    this.figures.finished(live.call, live.attempts, lateMs);
    this.noteOpen(node, endsAtMs);
  }

  /**
   * The call returns to its old place in the queue. Returns the lost work; saved work counts as
   * useful immediately.
   */
  private evict(running: Running, nowMs: number): number {
    this.leave(running);
    this.figures.evicted(running.live.call);
    const { beganAtMs, live, node } = running;
    const workedMs = Math.max(0, nowMs - beganAtMs);
    const { checkpointMs } = this.settings;
    const savedMs = checkpointMs === null ? 0 : workedMs - (workedMs % checkpointMs);
    if (savedMs > 0) {
      live.keptMs += savedMs;
      this.sink.finished(node, 1, beganAtMs, beganAtMs + savedMs, 0);
    }
    // Nobody knows how long a call that continues will still take.
    if (checkpointMs === null) live.ranMs = Math.max(live.ranMs, workedMs);
    this.enqueue(live);
    return workedMs - savedMs;
  }

  private leave(running: Running): void {
    running.isOver = true;
    this.nodes[running.node]!.running.delete(running);
    this.hold(running.live, -1);
  }

  private hold({ call }: Live, cores: number): void {
    const held = (this.coresHeld.get(call.user) ?? 0) + cores;
    if (held === 0) this.coresHeld.delete(call.user);
    else this.coresHeld.set(call.user, held);
  }

  private noteOpen(node: number, nowMs: number): void {
    const { idle, closedUntilMs } = this.nodes[node]!;
    if (idle.length > 0 && closedUntilMs <= nowMs) this.open.add(node);
    else this.open.delete(node);
  }

  private slotOf(node: number): Slot {
    const { executor, idle, running } = this.nodes[node]!;
    const { kind, openedAtMs, hazardRatio } = this.settings.hole(node);
    const free = this.open.has(node) ? idle.length : 0;
    const { memoryMb } = this.settings;
    const budgetCores = idle.length + running.size;
    return {
      executor,
      budgetCores,
      budgetMemoryMb: budgetCores * memoryMb,
      freeCores: free,
      freeMemoryMb: free * memoryMb,
      endsAtMs: this.settings.endsAtMs(node),
      kind,
      hazardRatio,
      ...(openedAtMs === null ? {} : { openedAtMs }),
    };
  }
}

const keyOf = (call: Call): string => `${call.user}/${call.functionIndex}`;

const youngestFirst = (running: ReadonlySet<Running>): Running[] =>
  [...running].sort((a, b) => b.startedAtMs - a.startedAtMs || b.worker.number - a.worker.number);
