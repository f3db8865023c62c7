// Looks at a trace for signs that its records are incomplete: cores that seem to fill up at its
// beginning or to empty at its end, and nodes on which jobs hold more cores than there are.

import { counted } from "../../model/counted.js";
import type { Trace } from "./trace.js";

/** Parts of the trace's time that are compared. */
const parts = 20;
/** An edge is suspicious if its share of occupied cores is below this part of the middle one. */
const suspicious = 0.7;

/** Remarks on the trace, none if nothing is suspicious. */
export function occupancyRemarks(trace: Trace): string[] {
  const { occupied, overfull } = sweep(trace);
  return [...edgeRemarks(occupied), ...overfullRemarks(overfull)];
}

interface Overfull {
  /** Begins of jobs that put more cores on a node than it has. */
  begins: number;
  coreMs: number;
  readonly nodes: Set<number>;
  firstNode: string;
  firstAtMs: number;
}

function sweep(trace: Trace): { occupied: number[]; overfull: Overfull } {
  const { changes, nodes, fromMs, toMs } = trace;
  const occupied = new Series(
    fromMs,
    toMs,
    nodes.reduce((sum, { cores }) => sum + cores, 0),
  );
  const overfull: Overfull = {
    begins: 0,
    coreMs: 0,
    nodes: new Set(),
    firstNode: "",
    firstAtMs: 0,
  };
  const held = new Float64Array(nodes.length);
  let total = 0;
  let over = 0;
  let lastMs = fromMs;
  for (let index = 0; index < changes.length; index++) {
    if (changes.isOutage(index)) continue;
    const atMs = Math.min(toMs, Math.max(fromMs, changes.atMs(index)));
    occupied.add(lastMs, atMs, total);
    overfull.coreMs += over * (atMs - lastMs);
    lastMs = atMs;
    const node = changes.node(index);
    const { cores, name } = nodes[node]!;
    const before = held[node]!;
    const after = before + changes.cores(index);
    held[node] = after;
    total += Math.min(cores, after) - Math.min(cores, before);
    over += Math.max(0, after - cores) - Math.max(0, before - cores);
    if (after <= cores || after <= before || atMs === toMs) continue;
    if (overfull.begins++ === 0) Object.assign(overfull, { firstNode: name, firstAtMs: atMs });
    overfull.nodes.add(node);
  }
  occupied.add(lastMs, toMs, total);
  overfull.coreMs += over * (toMs - lastMs);
  return { occupied: occupied.shares(), overfull };
}

/** The share of occupied cores in each part of the time. */
class Series {
  private readonly coreMs = new Float64Array(parts);
  private readonly partMs: number;

  constructor(
    private readonly fromMs: number,
    toMs: number,
    private readonly cores: number,
  ) {
    this.partMs = (toMs - fromMs) / parts;
  }

  add(fromMs: number, toMs: number, cores: number): void {
    for (let atMs = fromMs; atMs < toMs; ) {
      const part = Math.min(parts - 1, Math.floor((atMs - this.fromMs) / this.partMs));
      const endMs = part === parts - 1 ? toMs : this.fromMs + (part + 1) * this.partMs;
      const untilMs = Math.min(toMs, Math.max(endMs, atMs + 1e-3));
      this.coreMs[part]! += cores * (untilMs - atMs);
      atMs = untilMs;
    }
  }

  shares(): number[] {
    return [...this.coreMs].map((coreMs) => coreMs / (this.cores * this.partMs));
  }
}

function edgeRemarks(occupied: readonly number[]): string[] {
  const inner = occupied.slice(1, -1).sort((a, b) => a - b);
  const middle = inner[inner.length >> 1]!;
  const remark = (edge: string, share: number, option: string) =>
    share < suspicious * middle && share < inner[0]!
      ? [
          `only ${percent(share)} of the cores are occupied in the ${edge} twentieth of the time, ${percent(middle)} usually: the records may lack jobs that ran then, which would count as idle; ${option}`,
        ]
      : [];
  return [
    ...remark("first", occupied[0]!, "--from begins later"),
    ...remark("last", occupied.at(-1)!, "--to ends earlier"),
  ];
}

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;

function overfullRemarks({ begins, coreMs, nodes, firstNode, firstAtMs }: Overfull): string[] {
  if (begins === 0) return [];
  const at = new Date(firstAtMs).toISOString().slice(0, 19);
  return [
    `${counted(begins, "job")} began on ${counted(nodes.size, "node")} with more cores in use than the node has (first on ${firstNode} at ${at}Z; ${(coreMs / 3_600_000).toFixed(1)} core-hours too many): the machines are too small, or records overlap`,
  ];
}
