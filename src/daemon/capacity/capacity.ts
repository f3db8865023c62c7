// The capacity loop: reads Slurm at its own pace, plans, and applies the plan; a hook report wakes
// it early.

import type { Logger } from "pino";
import { clearTimeout, nowMs, setTimeout, type Timer } from "../../clock.js";
import type { HoleContext, HolePolicy } from "../../core/capacity/holes.js";
import { type HookPrograms, hookProblemOf } from "../../core/capacity/hook-check.js";
import type { InterferenceGuard } from "../../core/capacity/interference.js";
import { knownJobsOf } from "../../core/capacity/known-jobs.js";
import { largestNodeOf } from "../../core/capacity/largest-node.js";
import { type PacePolicy, pauseMs, ReadTimes } from "../../core/capacity/pace.js";
import { makePlan } from "../../core/capacity/plan.js";
import type { Cluster } from "../../core/ports/cluster.js";
import { nodeTest } from "../../core/scheduling/where.js";
import type { Plan, PlanStep } from "../../model/capacity/plan.js";
import { messageOf } from "../../model/errors.js";
import type { ExecutorId, NodeName } from "../../model/ids.js";
import type { Where } from "../../model/invocation.js";
import type { ResourceRequest } from "../../model/resources.js";
import type { Snapshot } from "../../model/slurm/snapshot.js";
import type { BudgetOrder } from "../../wire/messages.js";
import type { Drains } from "../executors/drains.js";
import { type Launching, siteFactsOf } from "../executors/launching.js";
import type { Pilots } from "../executors/pilots.js";
import type { Checkpoints } from "../invocations/checkpoints.js";
import type { Dispatcher } from "../invocations/dispatch.js";
import type { StartFailures } from "../invocations/start-failures.js";
import type { Learning } from "../records/learning.js";
import type { Events } from "../state/events.js";
import type { ExecutorRecord } from "../state/executor-record.js";
import type { Registry } from "../state/registry.js";
import { sendForecast } from "./forecasts.js";
import { RequestRate } from "./request-rate.js";
import { isUnsettled, jobsByNode, outlooksOf } from "./views.js";

/** The most jobs that one log line names. */
const maxLogged = 20;

export interface CapacityDependencies {
  readonly cluster: Cluster;
  readonly registry: Registry;
  readonly events: Events;
  readonly launching: Launching;
  readonly learning: Learning;
  readonly dispatcher: Dispatcher;
  readonly checkpoints: Checkpoints;
  readonly guard: InterferenceGuard;
  readonly drains: Drains;
  readonly startFailures: Pick<StartFailures, "illness" | "fullness">;
  /** null if executors are not jobs. */
  readonly pilots: Pilots | null;
  readonly programs: HookPrograms;
  readonly holePolicy: HolePolicy;
  readonly pacePolicy: PacePolicy;
  readonly log: Logger;
}

export class Capacity {
  /** The latest good snapshot and the plan made from it. */
  snapshot: Snapshot | null = null;
  plan: Plan | null = null;
  /** The hook events of each executor in the snapshot: those from before the read began. */
  private sequences: ReadonlyMap<ExecutorId, number> = new Map();
  private lastProblem: string | null = null;
  private readStartedAtMs: number | null = null;
  private failures = 0;
  private woken = false;
  /** See PaceState. */
  private unsettledReads = 0;
  private readonly readTimes = new ReadTimes();
  private readEndedAtMs = 0;
  private reading: Promise<void> | null = null;
  private timer: Timer | null = null;
  /** If woken before its start or after its end, the loop reads nothing. */
  private isRunning = false;
  private readonly requests = new RequestRate();

  constructor(private readonly deps: CapacityDependencies) {
    deps.events.subscribe(
      ["hookReported", "executorReady", "executorGone", "drainsChanged", "pilotWanted"],
      () => this.wake(),
    );
  }

  /** Resolves after the first read, whether it succeeded or not. */
  async start(): Promise<void> {
    this.isRunning = true;
    await this.tick();
  }

  /** The cluster changed: reads it as soon as the pace allows. */
  wake(): void {
    if (this.woken) return;
    this.woken = true;
    this.unsettledReads = 0;
    if (this.reading === null) this.schedule();
  }

  async stop(): Promise<void> {
    this.isRunning = false;
    if (this.timer !== null) clearTimeout(this.timer);
    await this.reading;
  }

  get snapshotAgeMs(): number | null {
    return this.snapshot === null ? null : nowMs() - this.snapshot.nodesAskedAtMs;
  }

  /** Why there is no newer view: the last read failed or hangs; null if all is well. */
  get problem(): string | null {
    if (this.lastProblem !== null || this.readStartedAtMs === null) return this.lastProblem;
    const waitingMs = nowMs() - this.readStartedAtMs;
    return this.stale && waitingMs > 1_000
      ? `slurmctld has not answered for ${Math.round(waitingMs / 1_000)} s`
      : null;
  }

  get stale(): boolean {
    return this.snapshotAgeMs === null || this.snapshotAgeMs > this.deps.holePolicy.staleMs;
  }

  /** The number of requests to slurmctld in the last minute. */
  get load() {
    return this.requests.load;
  }

  /**
   * The most that one invocation could ever get, on all nodes or on those that it may have; null
   * before the first read of Slurm.
   */
  largestNode(where?: Where): ResourceRequest | null {
    const snapshot = this.nodesFor(where);
    if (snapshot === null) return null;
    const { holePolicy, pilots } = this.deps;
    return largestNodeOf(snapshot, holePolicy.memoryMarginMb, pilots !== null);
  }

  /** All nodes, or those that it may have; null before the first read of Slurm. */
  nodesFor(where?: Where): Pick<Snapshot, "nodes" | "facts"> | null {
    if (this.snapshot === null || where === undefined) return this.snapshot;
    const { nodes, facts } = this.snapshot;
    return { nodes: nodes.filter(nodeTest(where)), facts };
  }

  /** The facts beside the snapshot that decide about each node. */
  context(): HoleContext {
    const { drains, programs, launching, learning, guard, pilots, startFailures } = this.deps;
    const needsHook = this.snapshot !== null && pilots === null;
    const atMs = nowMs();
    return {
      nowMs: atMs,
      interference: (node) => guard.interference(node, atMs),
      drainedBy: (node) => drains.drainedBy(node),
      sick: (node) => startFailures.illness(node),
      full: (node) => startFailures.fullness(node),
      hookProblem: needsHook ? hookProblemOf(this.snapshot!.facts, programs) : null,
      preemptionProblem: pilots?.problem ?? null,
      failing: launching.failing,
      openedAtMs: (node) => learning.openedAtMs(node),
      survival: learning.survival,
    };
  }

  private schedule(): void {
    if (!this.isRunning) return;
    if (this.timer !== null) clearTimeout(this.timer);
    const { failures, woken, unsettledReads } = this;
    const state = { failures, woken, unsettledReads, usualReadMs: this.readTimes.usualMs };
    const pause = pauseMs(this.deps.pacePolicy, state);
    const dueInMs = Math.max(0, this.readEndedAtMs + pause - nowMs());
    this.timer = setTimeout(() => void this.tick(), dueInMs);
  }

  private async tick(): Promise<void> {
    this.reading = this.readAndApply();
    await this.reading;
    this.reading = null;
    this.schedule();
  }

  private async readAndApply(): Promise<void> {
    this.woken = false;
    const startedAtMs = nowMs();
    this.readStartedAtMs = startedAtMs;
    const { cluster } = this.deps;
    const [commandsBefore, rpcsBefore] = [cluster.commandCount(), cluster.rpcCount()];
    // Taken before the read begins: every job whose prolog has reported until now is part of the
    // result.
    const sequences = new Map(
      this.deps.registry.all().map((record) => [record.id, record.hookSequence]),
    );
    try {
      const read = await cluster.readSnapshot();
      this.snapshot = this.deps.pilots?.look(read) ?? read;
      // A failed read leaves both unchanged: an old view does not include later reports.
      this.sequences = sequences;
      this.failures = 0;
      this.unsettledReads = isUnsettled(this.snapshot) ? this.unsettledReads + 1 : 0;
      this.lastProblem = null;
    } catch (cause) {
      this.failures++;
      this.lastProblem = messageOf(cause);
      this.deps.log.warn({ failures: this.failures, cause: this.lastProblem }, "cannot read Slurm");
    }
    this.readStartedAtMs = null;
    this.readEndedAtMs = nowMs();
    this.readTimes.add(this.readEndedAtMs - startedAtMs);
    const forPilots = this.deps.pilots?.newCommands() ?? 0;
    const commands = cluster.commandCount() - commandsBefore + forPilots;
    this.requests.add({ commands, rpcs: cluster.rpcCount() - rpcsBefore + forPilots });
    if (this.snapshot === null || !this.isRunning) return;
    if (this.failures === 0)
      this.deps.events.publish({ type: "snapshotRead", snapshot: this.snapshot });
    this.replan();
  }

  private replan(): void {
    const { registry, holePolicy, dispatcher, learning, events, checkpoints } = this.deps;
    const snapshot = this.snapshot!;
    const jobs = jobsByNode(snapshot);
    this.deps.guard.keepOnly(new Set(jobs.keys()));
    this.plan = makePlan({
      snapshot,
      executors: registry.all(),
      policy: holePolicy,
      context: this.context(),
      maxStarts: this.deps.launching.startsAtOnce,
    });
    learning.planMade(this.plan, snapshot.nodesAskedAtMs);
    this.deps.pilots?.planMade(this.plan.holes, snapshot);
    for (const step of this.plan.steps) this.apply(step);
    // Includes executors that have just been started: they may be ready before the next plan.
    const outlooks = outlooksOf(this.plan, learning);
    for (const record of registry.all())
      record.hole = outlooks.get(record.node) ?? { endsAtMs: null };
    events.publish({ type: "planApplied", plan: this.plan });
    // An unreadable line may describe a job that still runs.
    if (this.failures === 0 && snapshot.unreadable.length === 0) this.forgetLostJobs(jobs);
    for (const record of registry.all()) sendForecast(record);
    checkpoints.sweep();
    dispatcher.kick();
  }

  private apply(step: PlanStep): void {
    if (step.kind === "start" && this.deps.pilots !== null) {
      const hole = this.plan!.holes.find((each) => each.node === step.node)!;
      this.deps.pilots.start(hole, this.snapshot!);
      return;
    }
    if (step.kind === "start") {
      const snapshot = this.snapshot!;
      const node = snapshot.nodes.find((each) => each.name === step.node)!;
      const knownJobs = knownJobsOf(node, snapshot.jobs);
      // More than Slurm counts as idle: the part that the exclusive job there did not ask for.
      const isUnderExclusive = node.allocatedCores + step.budget.cores > node.cores;
      const order = { budget: step.budget, seenHookSequence: 0, knownJobs, isUnderExclusive };
      this.deps.launching.start(node, order, snapshot.facts);
      return;
    }
    const record = this.deps.registry.get(step.executor);
    if (record === undefined || this.deps.pilots?.takeBack(record, step)) return;
    if (step.kind === "resize") this.resize(record, step);
    else record.retire(step.kind, step.reason);
  }

  /** Forgets jobs that Slurm no longer has there: an epilog that never ran leaves a mark. */
  private forgetLostJobs(jobs: ReadonlyMap<NodeName, BudgetOrder["knownJobs"]>): void {
    for (const record of this.deps.registry.all()) {
      const seen = this.sequences.get(record.id) ?? 0;
      const there = jobs.get(record.node) ?? [];
      const lost = [...record.markedJobs]
        .filter(([job, sequence]) => sequence <= seen && !there.includes(job))
        .map(([job]) => job);
      if (lost.length === 0) continue;
      for (const job of lost) record.markedJobs.delete(job);
      const about = { node: record.node, count: lost.length, jobs: lost.slice(0, maxLogged) };
      record.log.say((suppressed) =>
        this.deps.log.warn({ ...about, suppressed }, "the epilogs of these jobs never ran"),
      );
      record.line?.send({ type: "forgetJobs", jobs: lost });
    }
  }

  private resize(record: ExecutorRecord, step: PlanStep & { kind: "resize" }): void {
    const seenHookSequence = this.sequences.get(record.id);
    // It connected while Slurm was read: this view may not include jobs that it knows.
    if (seenHookSequence === undefined) return;
    const { nodes, facts: siteFacts } = this.snapshot!;
    const node = nodes.find((each) => each.name === step.node)!;
    const facts = siteFactsOf(node, siteFacts);
    const { budget } = step;
    const order = { budget, seenHookSequence, knownJobs: [], facts };
    if (record.line?.send({ type: "budget", ...order })) record.order(budget);
  }
}
