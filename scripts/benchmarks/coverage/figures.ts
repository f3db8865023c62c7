// Turns records into figures, millisecond by millisecond: what was idle, what of it was held, what
// became finished work.

import type { NodeCores } from "./records.js";

export interface Window {
  readonly nodes: readonly string[];
  readonly coresPerNode: number;
  readonly fromMs: number;
  readonly toMs: number;
}

export interface CoverageFigures {
  readonly idleCoreMs: number;
  readonly coveredCoreMs: number;
  readonly usefulCoreMs: number;
  /**
   * For each end of a job that left cores idle: the time until executors held everything idle on
   * its node.
   */
  readonly readyMs: readonly number[];
  /** Ends of jobs after which the next job came first. */
  readonly overtaken: number;
}

/**
 * Uses none of gleanerd's own figures for idle cores: idle is whatever slurmctld's log leaves of
 * the cores.
 */
export function figuresOf(
  window: Window,
  allocated: readonly NodeCores[],
  held: readonly NodeCores[],
  useful: readonly NodeCores[],
): CoverageFigures {
  const sum = { idleCoreMs: 0, coveredCoreMs: 0, usefulCoreMs: 0 };
  const readyMs: number[] = [];
  let overtaken = 0;
  for (const node of window.nodes) {
    const jobs = levelsOf(window, node, allocated);
    const executors = levelsOf(window, node, held);
    const work = levelsOf(window, node, useful);
    const idleAt = (ms: number) => Math.max(0, window.coresPerNode - jobs[ms]!);
    for (let ms = 0; ms < jobs.length; ms++) {
      const covered = Math.min(idleAt(ms), executors[ms]!);
      sum.idleCoreMs += idleAt(ms);
      sum.coveredCoreMs += covered;
      // Work happens on held cores: anything that a late report adds beyond them is not counted.
      sum.usefulCoreMs += Math.min(covered, work[ms]!);
    }
    for (let endMs = 1; endMs < jobs.length; endMs++) {
      if (jobs[endMs]! >= jobs[endMs - 1]!) continue;
      const tookMs = readyAfter(endMs, jobs, executors, window.coresPerNode);
      if (tookMs === null) overtaken++;
      else readyMs.push(tookMs);
    }
  }
  return { ...sum, readyMs, overtaken };
}

/** null if another job began first, or the window ended. */
function readyAfter(
  endMs: number,
  jobs: Int32Array,
  executors: Int32Array,
  coresPerNode: number,
): number | null {
  for (let ms = endMs; ms < jobs.length; ms++) {
    if (jobs[ms]! > jobs[ms - 1]!) return null;
    if (executors[ms]! >= coresPerNode - jobs[ms]!) return ms - endMs;
  }
  return null;
}

/** The number of cores at each millisecond of the window. */
function levelsOf({ fromMs, toMs }: Window, node: string, spans: readonly NodeCores[]): Int32Array {
  const levels = new Int32Array(toMs - fromMs);
  for (const span of spans) {
    if (span.node !== node) continue;
    const begin = Math.max(0, span.fromMs - fromMs);
    const end = Math.min(levels.length, span.toMs - fromMs);
    for (let ms = begin; ms < end; ms++) levels[ms] = levels[ms]! + span.cores;
  }
  return levels;
}
