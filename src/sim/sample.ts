// Replays a sample of a trace's nodes, and says how far its figures may be from those of all nodes.

import { counted } from "../model/counted.js";
import { GleanerError } from "../model/errors.js";
import type { NodeUtilization } from "../model/records/utilization.js";
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

/** `count` different numbers below `most`, in order. */
function drawn(most: number, count: number, random: Random): number[] {
  const all = Array.from({ length: most }, (_, index) => index);
  for (let index = 0; index < count; index++) {
    const other = index + Math.floor(random() * (most - index));
    [all[index], all[other]] = [all[other]!, all[index]!];
  }
  return all.slice(0, count).sort((a, b) => a - b);
}

/**
 * The share that the sampled nodes have, as an estimate for all (a ratio estimator): nodes with
 * more idle time count more, and the error falls to 0 as the sample approaches all nodes.
 */
export function estimateOf(
  perNode: readonly NodeUtilization[],
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
