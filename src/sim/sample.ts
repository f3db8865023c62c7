// Replays a sample of a trace's nodes or of its days, and says how far its figures may be from
// those of the whole trace.

import { counted } from "../model/counted.js";
import { GleanerError } from "../model/errors.js";
import type { Random } from "./random.js";
import type { Sample, Trace } from "./site/trace.js";

/** A share of all idle core-time, and its standard error. */
export interface Estimate {
  readonly value: number;
  readonly standardError: number;
}

/** The trace of `count` of its nodes; throws BAD_REQUEST if it has no more than that. */
export function sampleNodes(trace: Trace, count: number, random: Random): Trace {
  const { nodes, notes } = trace;
  if (count >= nodes.length)
    throw new GleanerError(
      "BAD_REQUEST",
      `--sample: the trace has only ${counted(nodes.length, "node")}: give a smaller number, or omit --sample`,
    );
  const places = drawn(nodes.length, count, random);
  const place = new Map(places.map((node, index) => [node, index]));
  const remark = `a sample of ${count} of ${counted(nodes.length, "node")}: core-time and counts are of these nodes alone`;
  return {
    ...trace,
    nodes: places.map((node) => nodes[node]!),
    changes: trace.changes.onNodes((node) => place.get(node) ?? null),
    sample: { nodes: count, ofNodes: nodes.length },
    notes: { ...notes, remarks: [...notes.remarks, remark] },
  };
}

const dayMs = 86_400_000;

/** The traces of `count` of its whole days, in order; throws BAD_REQUEST if it has no more. */
export function sampleDays(trace: Trace, count: number, random: Random): SampledDays {
  const ofDays = Math.floor((trace.toMs - trace.fromMs) / dayMs);
  if (count >= ofDays)
    throw new GleanerError(
      "BAD_REQUEST",
      `--sample: the trace has only ${counted(ofDays, "whole day")}: give a smaller number, or omit --sample`,
    );
  const remark = `a sample of ${count} of ${counted(ofDays, "day")}, each replayed by itself: it begins with nothing learned, and all its holes are cut at midnight`;
  const days = drawn(ofDays, count, random).map((day) => {
    const fromMs = trace.fromMs + day * dayMs;
    const { notes } = trace;
    return {
      ...trace,
      fromMs,
      toMs: fromMs + dayMs,
      changes: trace.changes.within(fromMs, fromMs + dayMs),
      notes: { ...notes, remarks: [...notes.remarks, remark] },
    };
  });
  return { days, ofDays };
}

export interface SampledDays {
  readonly days: readonly Trace[];
  readonly ofDays: number;
}

/** `count` different numbers below `most`, in order. */
function drawn(most: number, count: number, random: Random): number[] {
  const all = Array.from({ length: most }, (_, index) => index);
  for (let index = 0; index < count; index++) {
    const other = index + Math.floor(random() * (most - index));
    [all[index], all[other]] = [all[other]!, all[index]!];
  }
  return all.slice(0, count).sort((a, b) => a - b);
}

/** What one sampled node, or day, had and used. */
type Used = Readonly<Record<"idleCoreMs" | "coveredCoreMs" | "usefulCoreMs", number>>;

/**
 * The share that the sampled nodes have, as an estimate for all (a ratio estimator): nodes with
 * more idle time count more, and the error falls to 0 as the sample approaches all nodes. So with
 * days.
 */
export function estimateOf(
  perNode: readonly Used[],
  part: "coveredCoreMs" | "usefulCoreMs",
  { nodes, ofNodes }: Sample,
): Estimate {
  const idle = perNode.reduce((sum, each) => sum + each.idleCoreMs, 0);
  if (idle === 0 || nodes < 2) return { value: 0, standardError: 0 };
  const value = perNode.reduce((sum, each) => sum + each[part], 0) / idle;
  const squares = perNode.reduce(
    (sum, each) => sum + (each[part] - value * each.idleCoreMs) ** 2,
    0,
  );
  const variance = (squares / (nodes - 1) / nodes) * (1 - nodes / ofNodes);
  return { value, standardError: Math.sqrt(variance) / (idle / nodes) };
}
