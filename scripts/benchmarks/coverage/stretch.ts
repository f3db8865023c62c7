// A stretch of a trace with node lists (SWF as in Alea's data sets), compressed in time, on the
// nodes of a test cluster.

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

export interface ReplayedJob {
  /**
   * Relative to the beginning of the replay; 0 for jobs that already ran when the stretch began.
   */
  readonly startMs: number;
  readonly runMs: number;
  readonly coresPerNode: number;
  readonly nodes: readonly string[];
}

export interface StretchShape {
  readonly nodes: number;
  readonly coresPerNode: number;
  /** The cores of a node of the trace; jobs on larger nodes are omitted. */
  readonly tracedCoresPerNode: number;
  readonly fromHour: number;
  readonly hours: number;
  readonly lengthMs: number;
}

/**
 * Slurm needs about this long to end one job and start the next; shorter jobs are extended to it.
 */
const shortestRunMs = 500;

interface TracedJob {
  readonly fromS: number;
  readonly toS: number;
  /** Cores by node. */
  readonly cores: ReadonlyMap<string, number>;
}

/**
 * The jobs of the stretch on its busiest nodes, as many as the cluster has, in order of their
 * start. A job on several nodes keeps those that are among them, with its widest share on each;
 * cores are scaled to the cluster's, rounded up.
 */
export function readStretch(file: string, shape: StretchShape): ReplayedJob[] {
  const all = readFileSync(file);
  const text = (file.endsWith(".gz") ? gunzipSync(all) : all).toString("latin1");
  const traced = text.split("\n").flatMap(parseLine);
  const beginS = Math.min(...traced.map(({ fromS }) => fromS)) + shape.fromHour * 3_600;
  const endS = beginS + shape.hours * 3_600;
  const jobs = traced.filter(({ fromS, toS }) => toS > beginS && fromS < endS);
  const names = busiestNodes(traced, jobs, shape, beginS, endS);
  const msPerSecond = shape.lengthMs / (endS - beginS);
  const replayed = jobs.flatMap(({ fromS, toS, cores }): ReplayedJob[] => {
    const kept = [...cores].filter(([node]) => names.has(node));
    if (kept.length === 0) return [];
    const widest = Math.max(...kept.map(([, count]) => count));
    const share = Math.min(1, widest / shape.tracedCoresPerNode);
    const startMs = Math.max(0, Math.round((fromS - beginS) * msPerSecond));
    const endMs = Math.round((toS - beginS) * msPerSecond);
    return [
      {
        startMs,
        runMs: Math.max(shortestRunMs, endMs - startMs),
        coresPerNode: Math.ceil(share * shape.coresPerNode),
        nodes: kept.map(([node]) => names.get(node)!),
      },
    ];
  });
  return replayed.sort((left, right) => left.startMs - right.startMs);
}

/** The nodes of the trace that the stretch uses most, each with its name on the cluster. */
function busiestNodes(
  traced: readonly TracedJob[],
  jobs: readonly TracedJob[],
  { nodes, tracedCoresPerNode }: StretchShape,
  beginS: number,
  endS: number,
): Map<string, string> {
  const tooLarge = new Set<string>();
  for (const { cores } of traced)
    for (const [node, count] of cores) if (count > tracedCoresPerNode) tooLarge.add(node);
  const used = new Map<string, number>();
  for (const { fromS, toS, cores } of jobs)
    for (const [node, count] of cores) {
      const seconds = Math.min(toS, endS) - Math.max(fromS, beginS);
      if (!tooLarge.has(node)) used.set(node, (used.get(node) ?? 0) + count * seconds);
    }
  const sorted = [...used].sort(([a, left], [b, right]) => right - left || (a < b ? -1 : 1));
  if (sorted.length < nodes)
    throw new Error(`that stretch of the trace uses only ${sorted.length} nodes`);
  return new Map(sorted.slice(0, nodes).map(([node], index) => [node, `n${index + 1}`]));
}

function parseLine(line: string): TracedJob[] {
  const match = /^\s*\d+ (\d+) (\d+) (\d+) [^{]*\{([^}]+)\}/.exec(line);
  if (match === null) return []; // a comment, or a negative run time
  const fromS = Number(match[1]) + Number(match[2]);
  const cores = new Map<string, number>();
  for (const node of match[4]!.split(",")) cores.set(node, (cores.get(node) ?? 0) + 1);
  return Number(match[3]) > 0 ? [{ fromS, toS: fromS + Number(match[3]), cores }] : [];
}
