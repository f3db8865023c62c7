// Chooses the nodes of a job if its trace does not name them; start times stay as they are.

import FlatQueue from "flatqueue";
import type { TraceNode } from "./trace.js";

/** A job of a trace without node lists. */
export interface UnplacedJob {
  readonly cores: number;
  readonly memoryMb: number;
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * Gives each job, in order of start, nodes with free cores: whole nodes first, then the node that
 * it fills best, so that as few nodes as possible are partly used, like Slurm's own packing. Gives
 * the shares to `add` and returns the jobs that did not fit at the time when the trace says they
 * ran. Memory is split like the cores and never keeps a job out.
 */
export function pack<Job extends UnplacedJob>(
  jobs: readonly Job[],
  nodes: readonly TraceNode[],
  add: (node: number, cores: number, memoryMb: number, job: Job) => void,
): Job[] {
  const free = new FreeCores(nodes);
  const running = new FlatQueue<{ node: number; cores: number }[]>();
  const byStart = [...jobs].sort((a, b) => a.fromMs - b.fromMs);
  const unplaced: Job[] = [];
  for (const job of byStart) {
    while (running.length > 0 && running.peekValue()! <= job.fromMs)
      for (const { node, cores } of running.pop()!) free.giveBack(node, cores);
    const taken = free.take(job.cores);
    if (taken === null) {
      unplaced.push(job);
      continue;
    }
    running.push(taken, job.toMs);
    for (const { node, cores } of taken) {
      const memoryMb = Math.floor((job.memoryMb * cores) / job.cores);
      add(node, cores, Math.min(nodes[node]!.memoryMb, memoryMb), job);
    }
  }
  return unplaced;
}

/**
 * Nodes by their number of free cores: a search walks over the numbers of cores, not over the
 * nodes.
 */
class FreeCores {
  private readonly free: number[];
  private readonly byFree: Set<number>[];
  private total = 0;

  constructor(nodes: readonly TraceNode[]) {
    this.free = nodes.map(({ cores }) => cores);
    const most = this.free.reduce((a, b) => Math.max(a, b), 0);
    this.byFree = Array.from({ length: most + 1 }, () => new Set<number>());
    for (const [node, cores] of this.free.entries()) {
      this.byFree[cores]!.add(node);
      this.total += cores;
    }
  }

  take(cores: number): { node: number; cores: number }[] | null {
    if (cores > this.total) return null;
    const taken: { node: number; cores: number }[] = [];
    let missing = cores;
    while (missing > 0) {
      const node = this.tightest(missing) ?? this.widest();
      const share = Math.min(missing, this.free[node]!);
      this.change(node, -share);
      taken.push({ node, cores: share });
      missing -= share;
    }
    return taken;
  }

  giveBack(node: number, cores: number): void {
    this.change(node, cores);
  }

  /** The fullest of the nodes that have all the missing cores free. */
  private tightest(missing: number): number | null {
    for (let free = missing; free < this.byFree.length; free++)
      for (const node of this.byFree[free]!) return node;
    return null;
  }

  private widest(): number {
    for (let free = this.byFree.length - 1; ; free--)
      for (const node of this.byFree[free]!) return node;
  }

  private change(node: number, cores: number): void {
    this.byFree[this.free[node]!]!.delete(node);
    this.free[node]! += cores;
    this.byFree[this.free[node]!]!.add(node);
    this.total += cores;
  }
}
