// The executors the daemon knows: their states, budgets, attempts and connections.

import { EventEmitter } from "node:events";
import { nowMs } from "../../clock.js";
import type { Slot } from "../../core/placement/slot.js";
import type { ExecutorRow } from "../../core/ports/store.js";
import { LogRateLimit } from "../../limits/rate-limit.js";
import {
  type Executor,
  type ExecutorState,
  executorTransitions,
  type Placement,
} from "../../model/capacity/executor.js";
import type { UnkillableReport } from "../../model/capacity/unkillable.js";
import { assert } from "../../model/errors.js";
import type { ExecutorId, InvocationId, JobId, NodeName } from "../../model/ids.js";
import { step } from "../../model/machine.js";
import { greater, lesser, nothing, type Resources } from "../../model/resources.js";
import type { DaemonMessage } from "../../wire/messages.js";

export interface HeldAttempt {
  readonly attempt: number;
  readonly cores: number;
  readonly memoryMb: number;
  readonly gpus: number;
  /**
   * When its order was sent, and how long before its time limit it is told of that; null: it was not sent yet. What an
   * earlier daemon sent is put on our clock.
   */
  readonly ordered: { readonly atMs: number; readonly leadMs: number } | null;
}

/** What the registry needs of a connection. */
export interface Line {
  send(message: DaemonMessage): boolean;
  /** Resolves when the peer has taken most of what was sent, or the line is closed. */
  flushed?(): Promise<void>;
  close(): void;
}

export interface Preemption {
  readonly job: JobId;
  readonly heardAtMs: number;
  readonly attempts: number;
  readonly lostCoreMs: number;
}

/** How an executor is told to leave: when its work is done, or now. */
export interface Retirement {
  readonly kind: "drain" | "stop";
  readonly reason: string;
}

/** The hole that an executor fills. */
export type HoleOutlook = Pick<
  Slot,
  "kind" | "openedAtMs" | "hazardRatio" | "endsAtMs" | "endConfidence"
>;

const unknownHole: HoleOutlook = { endsAtMs: null };

export class ExecutorRecord implements Executor {
  state: ExecutorState = "requested";
  private currentLine: Line | null = null;
  /** What its executor says that it may use. */
  claimed: Resources = nothing;
  /** An earlier daemon launched it, so what it was ordered until now is not known. */
  isAdopted = false;
  /** Of what it makes gleanerd write. */
  readonly log = new LogRateLimit();
  /** The highest hook sequence number received: a node read sent from now on includes these jobs. */
  hookSequence = 0;
  /** Jobs that its node's hook holds to be there, with the sequence number each is known by since. */
  markedJobs: Map<JobId, number> = new Map();
  hookProblem: string | null = null;
  /** Pilots only: that Slurm takes the job back, as its executor said; and when the job's time is over, as Slurm says. */
  preemption: Preemption | null = null;
  timeIsOverAtMs: number | null = null;
  /** Why Slurm lets the pilot wait. */
  waitReason: string | null = null;
  containment: string | null = null;
  /** Why it gives none of its node's GPUs to functions, as it says; null: it may. */
  gpuProblem: string | null = null;
  /** What placement goes by; from the last plan. */
  hole: HoleOutlook = unknownHole;
  /** The end of the hole as the executor was told it, null for none; undefined: what it knows was told by a daemon before us. */
  toldEndAtMs: number | null | undefined;
  readonly attempts = new Map<InvocationId, HeldAttempt>();
  /** What it was told on its connection, or missed since it is away; null: nothing. */
  private retirement: Retirement | null = null;
  /** Hears of each retirement that is news; set by the registry. */
  onRetired: (retirement: Retirement) => void = () => {};
  /** The last order, and the most that any order allowed. */
  private ordered: Resources = nothing;
  private mostOrdered: Resources = nothing;
  /** When it was ordered less than before. */
  private shrunkAtMs = Number.NEGATIVE_INFINITY;
  readonly whenGone: Promise<void>;
  private resolveGone: () => void = () => {};

  constructor(
    readonly id: ExecutorId,
    readonly node: NodeName,
    readonly address: string,
    readonly startedAtMs: number,
    readonly placement: Placement = "direct",
  ) {
    this.whenGone = new Promise((resolve) => {
      this.resolveGone = resolve;
    });
  }

  become(state: ExecutorState): void {
    this.state = step(executorTransitions, this.state, state, `executor ${this.id}`);
    if (state === "gone") this.resolveGone();
  }

  /**
   * Gives it no more work and tells it to leave. Says and changes something only once for each kind,
   * however often it is called; a stop outdoes a drain. One that has not come up yet is left alone:
   * whoever wants it gone then asks again.
   */
  retire(kind: Retirement["kind"], reason: string, graceMs?: number): void {
    if (this.state === "requested" || this.state === "gone") return;
    if (this.retirement?.kind === kind || this.retirement?.kind === "stop") return;
    this.retirement = { kind, reason };
    if (this.state !== "draining") this.become("draining");
    const hasGrace = kind === "stop" && graceMs !== undefined;
    this.line?.send(hasGrace ? { type: kind, reason, graceMs } : { type: kind, reason });
    this.onRetired(this.retirement);
  }

  get line(): Line | null {
    return this.currentLine;
  }

  /** On a new connection it is told anew: what it was told before may not have reached it, or may be over. */
  set line(line: Line | null) {
    this.currentLine = line;
    if (line !== null) this.retirement = null;
  }

  /** It is sent this budget, or Slurm says that its pilot has it. */
  order(budget: Resources): void {
    const isLess = budget.cores < this.ordered.cores || budget.memoryMb < this.ordered.memoryMb;
    if (isLess) this.shrunkAtMs = nowMs();
    this.ordered = budget;
    this.mostOrdered = greater(this.mostOrdered, budget);
  }

  /** Whether gleanerd itself gave it a reason to send back what it holds since then. */
  hadReasonToReturn({ ordered }: HeldAttempt): boolean {
    const isLeaving = this.state !== "ready" || this.preemption !== null;
    const isForeseen = ordered !== null && ordered.leadMs > 0 && this.toldEndAtMs != null;
    return isLeaving || isForeseen || this.shrunkAtMs >= (ordered?.atMs ?? 0);
  }

  /** What it may be given work for: no more than it says that it has, and no more than it was ordered. */
  get budget(): Resources {
    const { cpuIds, ...claimed } = this.claimed;
    const { cpuIds: _, ...ordered } = this.ordered;
    const budget = lesser(claimed, ordered);
    return cpuIds === undefined ? budget : { ...budget, cpuIds };
  }

  /** The most that it can ever have run on; null: an earlier daemon ordered it, or Slurm rounded a pilot up. */
  get most(): Resources | null {
    return this.isAdopted || this.placement === "pilot" ? null : this.mostOrdered;
  }

  get ageMs(): number {
    return Math.max(0, nowMs() - this.startedAtMs);
  }

  /** Of a pilot that Slurm lets wait, as the end of a sentence; else empty. */
  get whyItWaits(): string {
    return this.waitReason === null ? "" : `: Slurm lets its pilot wait (${this.waitReason})`;
  }

  get usedCores(): number {
    return sum(this.attempts.values(), (held) => held.cores);
  }

  get usedMemoryMb(): number {
    return sum(this.attempts.values(), (held) => held.memoryMb);
  }

  get usedGpus(): number {
    return sum(this.attempts.values(), (held) => held.gpus);
  }

  /** Of GPUs the first ones stand for as many: which are taken, the executor knows. */
  get free(): Resources {
    return {
      cores: Math.max(0, this.budget.cores - this.usedCores),
      memoryMb: Math.max(0, this.budget.memoryMb - this.usedMemoryMb),
      gpus: this.budget.gpus.slice(this.usedGpus),
    };
  }

  /** Whether it may be given work now. */
  get takesWork(): boolean {
    return this.state === "ready" && this.line !== null && this.hookProblem === null;
  }

  /** The hole's, or the job's own end when that comes before. */
  get outlook(): HoleOutlook {
    const { hole, timeIsOverAtMs } = this;
    const endsAtMs = hole.endsAtMs ?? Number.POSITIVE_INFINITY;
    if (timeIsOverAtMs === null || timeIsOverAtMs >= endsAtMs) return hole;
    return { ...hole, endsAtMs: timeIsOverAtMs, endConfidence: 1 };
  }

  /** As it is recorded; `gone` null: it lives. */
  toRow(gone: { readonly atMs: number; readonly reason: string } | null): ExecutorRow {
    return {
      id: this.id,
      node: this.node,
      address: this.address,
      placement: this.placement,
      state: gone === null ? "live" : "gone",
      startedAtMs: this.startedAtMs,
      goneAtMs: gone?.atMs ?? null,
      goneReason: gone?.reason ?? null,
    };
  }

  toSlot(): Slot {
    const { cores, memoryMb, gpus } = this.free;
    return {
      executor: this.id,
      node: this.node,
      budgetCores: this.budget.cores,
      budgetMemoryMb: this.budget.memoryMb,
      freeCores: cores,
      freeMemoryMb: memoryMb,
      budgetGpus: this.budget.gpus.length,
      freeGpus: gpus.length,
      // A pilot's time is not known before a read of Slurm after a restart: until then it gets no work.
      closesAtMs: this.placement === "pilot" ? (this.timeIsOverAtMs ?? 0) : null,
      ...this.outlook,
    };
  }
}

const sum = <T>(items: Iterable<T>, of: (item: T) => number): number => {
  let total = 0;
  for (const item of items) total += of(item);
  return total;
};

interface RegistryEvents {
  /** An executor is to leave, and gets no more work. */
  retired: [ExecutorRecord, Retirement];
}

/** At most one executor that is not gone per node. */
export class Registry extends EventEmitter<RegistryEvents> {
  private readonly byId = new Map<ExecutorId, ExecutorRecord>();
  private readonly byNode = new Map<NodeName, ExecutorRecord>();
  /** What hangs in the kernels of nodes, as the last executor of each said; it outlives the executor. */
  readonly unkillable = new Map<NodeName, UnkillableReport>();

  add(record: ExecutorRecord): void {
    assert(!this.byNode.has(record.node), `node ${record.node} has one executor`);
    this.byId.set(record.id, record);
    this.byNode.set(record.node, record);
    record.onRetired = (retirement) => this.emit("retired", record, retirement);
  }

  /** Forgets it; its attempts must have been settled. */
  remove(record: ExecutorRecord): void {
    assert(
      record.attempts.size === 0,
      `executor ${record.id} holds no attempt when it is forgotten`,
    );
    this.byId.delete(record.id);
    this.byNode.delete(record.node);
  }

  get(id: ExecutorId): ExecutorRecord | undefined {
    return this.byId.get(id);
  }

  onNode(node: NodeName): ExecutorRecord | undefined {
    return this.byNode.get(node);
  }

  all(): readonly ExecutorRecord[] {
    return [...this.byId.values()];
  }
}
