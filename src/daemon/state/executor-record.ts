// What the daemon knows of one executor: its state, budget, attempts and connection.

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
import type { ExecutorId, InvocationId, JobId, NodeName } from "../../model/ids.js";
import { step } from "../../model/machine.js";
import { greater, lesser, nothing, type Resources } from "../../model/resources.js";
import { type GresCounts, gresField, gresFit, gresWithout } from "../../model/slurm/gres-counts.js";
import { AskedLogs } from "../../wire/flow/asked-logs.js";
import type { DaemonMessage, ExecutorMessage } from "../../wire/messages.js";
import { PieceRequests } from "../../wire/piece-requests.js";
import type { Assignment, Held } from "./assignments.js";
import { IdleWorkers } from "./idle-workers.js";
import { freeSeats } from "./shared-place.js";

/** The part of a connection that the registry needs. */
export interface Line {
  /** Somebody waits for what `isAwaited`: it does not wait for other messages of this turn. */
  send(message: DaemonMessage, isAwaited?: boolean): boolean;
  readonly unsentBytes?: number;
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

type Ready = ExecutorMessage & { readonly type: "ready" };

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

/** Longer than a piece takes over a slow line; a node that sends nothing holds nothing for long. */
const pieceMs = 30_000;

const unknownHole: HoleOutlook = { endsAtMs: null };

export class ExecutorRecord implements Executor {
  state: ExecutorState = "requested";
  private currentLine: Line | null = null;
  /** What is read from it on its present connection. */
  readonly pieces = new PieceRequests(pieceMs);
  readonly askedLogs = new AskedLogs();
  readonly idleWorkers = new IdleWorkers();
  /**
   * Connected, but it has not said yet which attempts it answers for. What it is ordered until then
   * would be taken for lost.
   */
  awaitsReady = false;
  /** It takes the calls of a run in one order. */
  takesRuns = false;
  /** The resources that its executor reports as usable. */
  claimed: Resources = nothing;
  /** An earlier daemon launched it, so its orders so far are unknown. */
  isAdopted = false;
  /** Limits the log lines that it causes. */
  readonly log = new LogRateLimit();
  /** The highest hook sequence number received: a later node query includes these jobs. */
  hookSequence = 0;
  /** Jobs that its node's hook considers present, with the sequence number that announced each. */
  markedJobs: Map<JobId, number> = new Map();
  hookProblem: string | null = null;
  /**
   * For pilots only: whether Slurm preempts the job, as its executor reported; and when the job's
   * time ends, according to Slurm.
   */
  preemption: Preemption | null = null;
  timeIsOverAtMs: number | null = null;
  /** Why Slurm makes the pilot wait. */
  waitReason: string | null = null;
  containment: string | null = null;
  /** Why it gives none of its node's GPUs to functions, as it reported; null if it may. */
  gpuProblem: string | null = null;
  /** The input of placement, from the last plan. */
  hole: HoleOutlook = unknownHole;
  /** The end of the hole as it knows it; null for none, undefined if an earlier daemon told it. */
  toldEndAtMs: number | null | undefined;
  /** What it holds; set by the registry, kept by Assignments. */
  held: Held = { attempts: new Map(), holders: new Set() };
  /** What it was told on its connection, or missed while disconnected; null if nothing. */
  private retirement: Retirement | null = null;
  /** Called with each new retirement; set by the registry. */
  onRetired: (retirement: Retirement) => void = () => {};
  /** The last order, and the most that any order allowed. */
  private ordered: Resources = nothing;
  /** What these two amount to. */
  private known: Record<"claimed" | "ordered" | "budget", Resources> | null = null;
  private mostOrdered: Resources = nothing;
  /** When it was ordered to use less than before. */
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
   * Gives it no more work and tells it to leave: once for each kind, however often it is called; a
   * stop takes precedence over a drain. Does nothing while it starts: the caller then asks again.
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

  get attempts(): ReadonlyMap<InvocationId, Assignment> {
    return this.held.attempts;
  }

  /** It was connected once: one that starts is not. */
  get isDisconnected(): boolean {
    return this.line === null && (this.state === "ready" || this.state === "draining");
  }

  get line(): Line | null {
    return this.currentLine;
  }

  /** On a new connection it is told again: the message may be lost or outdated. */
  set line(line: Line | null) {
    this.currentLine = line;
    this.pieces.disconnected();
    if (line !== null) this.retirement = null;
  }

  /** It says what it has and what it answers for: it can be given work on this connection. */
  heardReady(said: Ready): void {
    this.awaitsReady = false;
    this.claimed = said.budget;
    this.hookSequence = Math.max(this.hookSequence, said.hookSequence);
    this.markedJobs = new Map(said.markedJobs.map((job) => [job, said.hookSequence]));
    this.hookProblem = said.hookProblem;
    this.containment = said.containment;
    this.takesRuns = said.takesRuns ?? false;
  }

  /** Records that it is sent this budget, or that its pilot has it according to Slurm. */
  order(budget: Resources): void {
    const { cores, memoryMb, gres } = this.ordered;
    const isLess =
      budget.cores < cores || budget.memoryMb < memoryMb || !gresFit(gres, budget.gres);
    if (isLess) this.shrunkAtMs = nowMs();
    this.ordered = budget;
    this.mostOrdered = greater(this.mostOrdered, budget);
  }

  /** Whether gleanerd itself has given it a reason since then to return what it holds. */
  hadReasonToReturn({ ordered }: Pick<Assignment, "ordered">): boolean {
    const isLeaving = this.state !== "ready" || this.preemption !== null;
    const isForeseen = ordered !== null && ordered.leadMs > 0 && this.toldEndAtMs != null;
    return isLeaving || isForeseen || this.shrunkAtMs >= (ordered?.atMs ?? 0);
  }

  /** The budget for new work: at most what it reported, and at most what it was ordered. */
  get budget(): Resources {
    const { claimed, ordered, known } = this;
    // Each round of dispatch asks for that of every executor.
    if (known?.claimed === claimed && known.ordered === ordered) return known.budget;
    const budget = budgetOf(claimed, ordered);
    this.known = { claimed, ordered, budget };
    return budget;
  }

  /** The most it can ever have run on; null if an earlier daemon or Slurm decided it. */
  get most(): Resources | null {
    return this.isAdopted || this.placement === "pilot" ? null : this.mostOrdered;
  }

  get ageMs(): number {
    return Math.max(0, nowMs() - this.startedAtMs);
  }

  /** The end of a sentence about an executor that does not connect. */
  get whyItWaits(): string {
    if (this.waitReason !== null) return `Slurm makes its pilot wait (${this.waitReason})`;
    const log = this.placement === "pilot" ? "pilot" : "executor";
    return `look into ${log}-${this.node}.log on its node (logDirectory)`;
  }

  get usedCores(): number {
    return this.used((held) => held.cores);
  }

  private used(of: (held: Assignment) => number): number {
    let total = 0;
    for (const each of this.held.holders) total += of(each);
    return total;
  }

  /** undefined if it may use none. */
  private get freeGres(): GresCounts | undefined {
    let free = this.budget.gres;
    if (free === undefined) return undefined;
    for (const each of this.held.holders) free = gresWithout(free, each.gres);
    return free;
  }

  /** For GPUs, the first ones represent their number: only the executor knows which are taken. */
  get free(): Resources {
    return {
      cores: Math.max(0, this.budget.cores - this.usedCores),
      memoryMb: Math.max(0, this.budget.memoryMb - this.used((held) => held.memoryMb)),
      gpus: this.budget.gpus.slice(this.used((held) => held.gpus)),
      ...gresField(this.freeGres),
    };
  }

  /** Whether it may be given work now. */
  get takesWork(): boolean {
    const isConnected = this.line !== null && !this.awaitsReady;
    return this.state === "ready" && isConnected && this.hookProblem === null;
  }

  /** The hole's end, or that of the job if it comes first. */
  get outlook(): HoleOutlook {
    const { hole, timeIsOverAtMs } = this;
    const endsAtMs = hole.endsAtMs ?? Number.POSITIVE_INFINITY;
    if (timeIsOverAtMs === null || timeIsOverAtMs >= endsAtMs) return hole;
    return { ...hole, endsAtMs: timeIsOverAtMs, endConfidence: 1 };
  }

  /** Its record in the store; `gone` is null while it lives. */
  toRow(gone: { readonly atMs: number; readonly reason: string } | null): ExecutorRow {
    const { id, node, address, placement, startedAtMs } = this;
    return {
      ...{ id, node, address, placement, startedAtMs },
      state: gone === null ? "live" : "gone",
      goneAtMs: gone?.atMs ?? null,
      goneReason: gone?.reason ?? null,
    };
  }

  toSlot(): Slot {
    const { cores, memoryMb, gpus, gres } = this.free;
    return {
      executor: this.id,
      node: this.node,
      budgetCores: this.budget.cores,
      budgetMemoryMb: this.budget.memoryMb,
      freeCores: cores,
      freeMemoryMb: memoryMb,
      budgetGpus: this.budget.gpus.length,
      freeGpus: gpus.length,
      budgetGres: this.budget.gres,
      freeGres: gres,
      // After a restart, a pilot's time is unknown until Slurm has been read: until then it gets no
      // work.
      warm: this.idleWorkers.left,
      seats: freeSeats(this.held.holders),
      closesAtMs: this.placement === "pilot" ? (this.timeIsOverAtMs ?? 0) : null,
      ...this.outlook,
    };
  }
}

function budgetOf({ cpuIds, ...claimed }: Resources, { cpuIds: _, ...ordered }: Resources) {
  const budget = lesser(claimed, ordered);
  return cpuIds === undefined ? budget : { ...budget, cpuIds };
}
