// Reads a log of idle nodes, `node,start,end` in epoch seconds, as a trace: outside its holes a
// node is full.

import { GleanerError } from "../../model/errors.js";
import { nodeName } from "../../model/ids.js";
import { Changes, checkExtent, ShareList, Skipped, type Trace } from "../site/trace.js";
import type { Lines } from "./lines.js";

export interface NodeShape {
  readonly cores: number;
  readonly memoryMb: number;
}

interface Stretch {
  readonly fromMs: number;
  toMs: number;
}

/**
 * The trace of a hole log. All nodes have `shape`; the trace lasts from the first start to the last
 * end. Overlapping or adjacent holes of one node are merged. Throws BAD_REQUEST if no hole is left.
 */
export async function readHoleLog(lines: Lines, shape: NodeShape): Promise<Trace> {
  const skipped = new Skipped();
  const byNode = new Map<string, Stretch[]>();
  let first = true;
  for await (const line of lines) {
    const isHeader = first && /^\s*"?node"?\s*,/i.test(line);
    first = false;
    if (isHeader || line.trim() === "") continue;
    const hole = parseHole(line);
    if (typeof hole === "string") skipped.add(hole);
    else {
      const known = byNode.get(hole.node);
      if (known === undefined) byNode.set(hole.node, [hole.stretch]);
      else known.push(hole.stretch);
    }
  }
  if (byNode.size === 0)
    throw new GleanerError(
      "BAD_REQUEST",
      "the hole log contains no holes: write lines of node,start,end with times in seconds since the epoch",
    );
  return traceOf(byNode, shape, skipped);
}

/** A hole, or why the line is not one. */
function parseHole(line: string): { node: string; stretch: Stretch } | string {
  const fields = line.split(",").map((field) => field.trim());
  const [node, start, end] = fields;
  if (fields.length !== 3 || !node || node.length > 255) return "not node,start,end";
  const fromMs = readSeconds(start!);
  const toMs = readSeconds(end!);
  if (fromMs === null || toMs === null) return "a time that is not a number";
  if (toMs <= fromMs) return "ends before it starts";
  return { node, stretch: { fromMs, toMs } };
}

/** Converts epoch seconds, with decimals allowed, to whole milliseconds. */
function readSeconds(text: string): number | null {
  return /^\d{1,11}(\.\d{1,9})?$/.test(text) ? Math.round(Number(text) * 1_000) : null;
}

function traceOf(byNode: Map<string, Stretch[]>, shape: NodeShape, skipped: Skipped): Trace {
  let fromMs = Number.POSITIVE_INFINITY;
  let toMs = 0;
  for (const stretches of byNode.values())
    for (const stretch of stretches) {
      fromMs = Math.min(fromMs, stretch.fromMs);
      toMs = Math.max(toMs, stretch.toMs);
    }
  const shares = new ShareList();
  const names = [...byNode.keys()].sort();
  for (const [node, name] of names.entries()) {
    let busySinceMs = fromMs;
    const busy = (untilMs: number) => {
      if (untilMs > busySinceMs)
        shares.add({
          node,
          cores: shape.cores,
          memoryMb: shape.memoryMb,
          fromMs: busySinceMs,
          toMs: untilMs,
        });
    };
    for (const hole of joined(byNode.get(name)!)) {
      busy(hole.fromMs);
      busySinceMs = hole.toMs;
    }
    busy(toMs);
  }
  return checkExtent({
    nodes: names.map((name) => ({ name: nodeName(name), ...shape })),
    fromMs,
    toMs,
    jobs: shares.length,
    changes: Changes.of(shares),
    notes: { skipped: skipped.all(), remarks: [] },
  });
}

function joined(stretches: readonly Stretch[]): Stretch[] {
  const result: Stretch[] = [];
  for (const stretch of [...stretches].sort((a, b) => a.fromMs - b.fromMs)) {
    const last = result.at(-1);
    if (last !== undefined && stretch.fromMs <= last.toMs)
      last.toMs = Math.max(last.toMs, stretch.toMs);
    else result.push({ ...stretch });
  }
  return result;
}
