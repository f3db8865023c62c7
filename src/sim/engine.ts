// Replays a trace on a virtual clock: at each change the node's hook reclaims cores, and the core
// plans the changed nodes again.

import FlatQueue from "flatqueue";
import type { HoleContext } from "../core/capacity/holes.js";
import { makePlan } from "../core/capacity/plan.js";
import type { PlanStep } from "../model/capacity/plan.js";
import { assert } from "../model/errors.js";
import { jobId } from "../model/ids.js";
import type { Costs } from "./costs.js";
import type { Figures } from "./figures/figures.js";
import type { Learner } from "./learner.js";
import type { Policy } from "./policies.js";
import type { Random } from "./random.js";
import { nextBegins } from "./site/next-begins.js";
import {
  coreExecutor,
  freeCores,
  hasExecutor,
  jobBegins,
  jobEnds,
  launch,
  leave,
  newNode,
  outageBegins,
  outageEnds,
  plannedJob,
  type SimulatedNode,
  slotsIn,
  snapshotOf,
} from "./site/nodes.js";
import type { Trace } from "./site/trace.js";
import { Views } from "./site/views.js";
import type { KnownHole, Workload } from "./work/workload.js";

export interface EngineInput {
  readonly trace: Trace;
  readonly costs: Costs;
  readonly policy: Policy;
  /** Memory of a call, in MB: a slot needs it besides its core. */
  readonly callMemoryMb: number;
  readonly random: Random;
  readonly figures: Figures;
  /** null if the policy learns nothing. */
  readonly learner: Learner | null;
  /** Called at intervals with the progress of the virtual clock, from 0 to 1. */
  readonly onProgress: (share: number) => void;
}

/** Events between two reports of progress: well below a second. */
const progressEvery = 1_000;

interface Start {
  readonly node: SimulatedNode;
  readonly generation: number;
}

export class Engine {
  private readonly nodes: readonly SimulatedNode[];
  private readonly byName: ReadonlyMap<string, SimulatedNode>;
  private readonly views = new Views();
  private readonly starts = new FlatQueue<Start>();
  private readonly begins: ReturnType<typeof nextBegins> | null;
  private nextChange = 0;
  private nextNotice = 0;
  private workload: Workload | null = null;

  constructor(private readonly input: EngineInput) {
    this.nodes = input.trace.nodes.map(newNode);
    this.byName = new Map(this.nodes.map((node) => [node.trace.name, node]));
    this.begins = input.policy.ends === "known" ? nextBegins(input.trace) : null;
  }

  /** When the node's hole is expected to end, as far as the policy tells the scheduler. */
  expectedEndMs(node: number): number | null {
    return this.begins?.of(node) ?? null;
  }

  /** The node's hole as the learner sees it. */
  holeOf(node: number): KnownHole {
    const { trace, allocatedCores } = this.nodes[node]!;
    return {
      kind: allocatedCores === 0 ? "wholeNode" : "fragment",
      openedAtMs: this.input.learner?.openedAtMs(trace.name) ?? null,
      hazardRatio: this.input.learner?.survival.hazardRatio(trace.name) ?? 1,
    };
  }

  /** Replays the whole trace with this work. */
  run(workload: Workload): void {
    const { trace, figures } = this.input;
    this.workload = workload;
    for (const node of this.nodes) {
      this.record(node, trace.fromMs);
      this.lookAt(node, trace.fromMs);
    }
    for (let events = 1; ; events++) {
      const nowMs = this.nextMs(workload);
      if (nowMs >= trace.toMs) break;
      this.step(workload, nowMs);
      if (events % progressEvery === 0)
        this.input.onProgress((nowMs - trace.fromMs) / (trace.toMs - trace.fromMs));
    }
    workload.end(trace.toMs);
    figures.end();
  }

  private nextMs(workload: Workload): number {
    const { changes } = this.input.trace;
    return Math.min(
      this.nextChange < changes.length ? changes.atMs(this.nextChange) : Number.POSITIVE_INFINITY,
      this.views.nextAtMs(),
      this.starts.peekValue() ?? Number.POSITIVE_INFINITY,
      workload.nextAtMs(),
      this.nextNoticeMs(),
    );
  }

  private step(workload: Workload, nowMs: number): void {
    const { changes } = this.input.trace;
    workload.advance(nowMs);
    this.giveNotice(nowMs);
    while (this.nextChange < changes.length && changes.atMs(this.nextChange) === nowMs)
      this.applyChange(this.nextChange++, nowMs);
    while (this.starts.length > 0 && this.starts.peekValue()! === nowMs)
      this.becomeReady(this.starts.pop()!, nowMs);
    while (this.views.nextAtMs() === nowMs) this.view(this.views.take(), nowMs);
    workload.dispatch(nowMs);
  }

  private applyChange(index: number, nowMs: number): void {
    const { changes } = this.input.trace;
    const node = this.nodes[changes.node(index)]!;
    const cores = changes.cores(index);
    const memoryMb = changes.memoryMb(index);
    this.begins?.passed(index);
    const isOutage = changes.isOutage(index);
    if (cores < 0) {
      if (isOutage) outageEnds(node);
      else jobEnds(node, -cores, -memoryMb);
      this.input.learner?.jobEnded(node.trace.name, nowMs);
      this.record(node, nowMs);
      this.lookAt(node, nowMs);
      return;
    }
    if (isOutage) outageBegins(node);
    else jobBegins(node, cores, memoryMb);
    this.input.learner?.jobBegan(node.trace.name, nowMs);
    if (node.executor === "ready") {
      const { attempts, lostMs } = this.resize(node, nowMs);
      this.input.figures.evicted(attempts, lostMs);
    }
    if (hasExecutor(node) && (node.budget.cores === 0 || node.budget.memoryMb === 0))
      this.stop(node, nowMs);
    this.record(node, nowMs);
    this.lookAt(node, nowMs);
  }

  private resize(node: SimulatedNode, nowMs: number): { attempts: number; lostMs: number } {
    const slots = slotsIn(node.budget, this.input.callMemoryMb);
    return this.workload!.resize(node.index, slots, nowMs);
  }

  /** It was drained because of an end that did not come. */
  private reopen(node: SimulatedNode, nowMs: number): void {
    if (!node.isClosed) return;
    node.isClosed = false;
    this.workload!.close(node.index, nowMs);
  }

  private stop(node: SimulatedNode, nowMs: number): void {
    const wasReady = node.executor === "ready";
    leave(node);
    if (!wasReady) return;
    const { attempts, lostMs } = this.workload!.resize(node.index, 0, nowMs);
    if (attempts > 0) this.input.figures.evicted(attempts, lostMs);
  }

  private becomeReady({ node, generation }: Start, nowMs: number): void {
    if (node.generation !== generation || node.executor !== "starting") return;
    node.executor = "ready";
    this.reopen(node, nowMs);
    this.resize(node, nowMs);
    this.record(node, nowMs);
  }

  /** The core's plan for the nodes that changed. */
  private view(nodes: readonly SimulatedNode[], nowMs: number): void {
    const { policy, costs } = this.input;
    for (const node of nodes) node.isDirty = false;
    const jobs = this.begins === null ? [] : this.planned(nodes);
    const plan = makePlan({
      snapshot: snapshotOf(nodes, jobs, policy.wholeNodesOnly, nowMs),
      executors: nodes.filter(hasExecutor).map(coreExecutor),
      policy: policy.holes,
      context: { ...context, ...this.input.learner?.context(), nowMs },
      maxStarts: costs.startsPerPlan,
    });
    this.input.learner?.planMade(plan, nowMs);
    for (const step of plan.steps) this.apply(step, nowMs);
    // Holes that exceed this plan's starts are left to the next plan.
    for (const hole of plan.holes) {
      const node = this.byName.get(hole.node)!;
      if (!hasExecutor(node)) this.lookAt(node, nowMs);
    }
  }

  private planned(nodes: readonly SimulatedNode[]) {
    return nodes.flatMap((node) => {
      const endMs = this.expectedEndMs(node.index);
      return endMs === null ? [] : [plannedJob(node.trace.name, endMs, jobId(node.index + 1))];
    });
  }

  private apply(step: PlanStep, nowMs: number): void {
    const node = this.byName.get(step.node)!;
    switch (step.kind) {
      case "start": {
        launch(node, step.budget);
        const { least, most } = this.input.costs.executorStartMs;
        const tookMs = least + Math.floor(this.input.random() * (most - least + 1));
        this.starts.push({ node, generation: node.generation }, nowMs + tookMs);
        break;
      }
      case "resize":
        node.budget = step.budget;
        if (node.executor !== "ready") break;
        this.reopen(node, nowMs);
        this.resize(node, nowMs);
        break;
      case "drain":
        node.isClosed = true;
        this.workload!.close(node.index, Number.POSITIVE_INFINITY);
        break;
      case "stop":
        this.stop(node, nowMs);
    }
    this.record(node, nowMs);
  }

  /** Also asserts that no executor holds a job's cores. */
  private record(node: SimulatedNode, nowMs: number): void {
    const free = freeCores(node);
    assert(node.budget.cores <= free, `no executor is given what a job holds (${node.trace.name})`);
    const { policy, callMemoryMb } = this.input;
    const { memoryMarginMb } = policy.holes;
    const memoryMb = node.trace.memoryMb - node.allocatedMemoryMb - memoryMarginMb;
    this.input.figures.set(node.index, nowMs, {
      allocatedCores: Math.min(node.trace.cores, node.allocatedCores),
      idleCores: free,
      usableCores: slotsIn({ cores: free, memoryMb }, callMemoryMb),
      heldCores: node.executor === "ready" ? slotsIn(node.budget, callMemoryMb) : 0,
    });
  }

  /** Something changed: Gleaner learns of it after the delay in its costs. */
  private lookAt(node: SimulatedNode, nowMs: number): void {
    if (node.isDirty) return;
    node.isDirty = true;
    const { view } = this.input.costs;
    const { fromMs } = this.input.trace;
    const atMs =
      view.kind === "hook"
        ? nowMs + Math.max(1, view.reactionMs)
        : fromMs + (Math.floor((nowMs - fromMs) / view.intervalMs) + 1) * view.intervalMs;
    this.views.add(node, atMs);
  }

  private nextNoticeMs(): number {
    const { costs, trace } = this.input;
    if (costs.noticeMs === 0 || this.nextNotice >= trace.changes.length)
      return Number.POSITIVE_INFINITY;
    return Math.max(trace.fromMs, trace.changes.atMs(this.nextNotice) - costs.noticeMs);
  }

  /** A node that is about to get a job accepts no new call. */
  private giveNotice(nowMs: number): void {
    const { changes } = this.input.trace;
    for (; this.nextNoticeMs() <= nowMs; this.nextNotice++)
      if (changes.cores(this.nextNotice) > 0)
        this.workload!.close(changes.node(this.nextNotice), changes.atMs(this.nextNotice));
  }
}

const context: Omit<HoleContext, "nowMs"> = {
  drainedBy: () => null,
  hookProblem: null,
  failing: new Map(),
};
