// Reads a log of idle nodes as a trace: outside its holes a node is full.

import { counted } from "../../model/counted.js";
import { GleanerError } from "../../model/errors.js";
import { nodeName } from "../../model/ids.js";
import { Changes } from "../site/changes.js";
import { ShareList } from "../site/shares.js";
import { checkExtent, type Trace, type TraceNode } from "../site/trace.js";
import type { Lines } from "./lines.js";
import { readStretches, type Stretch } from "./stretches.js";
import { type WindowWish, wholeLog } from "./window.js";

export interface NodeShape {
  readonly cores: number;
  readonly memoryMb: number;
}

/** All nodes of one shape, with memory that was guessed, or nodes by name. */
export type HoleNodes = NodeShape | readonly TraceNode[];

/**
 * The trace of a hole log. It lasts from the first start to the last end, or as wished. Overlapping
 * or adjacent holes of one node are merged. Throws BAD_REQUEST if no hole is left.
 */
export async function readHoleLog(
  lines: Lines,
  machines: HoleNodes,
  wish: WindowWish = wholeLog,
): Promise<Trace> {
  const { byNode, skipped } = await readStretches(lines);
  if (byNode.size === 0)
    throw new GleanerError(
      "BAD_REQUEST",
      `the hole log contains no holes (${skipped.whenNothingIsLeft()}): write lines of node,start,end with dates or seconds since the epoch`,
    );
  const { nodes, remarks } = nodesOf(byNode, machines);
  const window = windowOf(byNode, wish);
  const shares = new ShareList();
  for (const [node, { name, cores, memoryMb }] of nodes.entries())
    for (const busy of between(byNode.get(name) ?? [], window))
      shares.add({ node, cores, memoryMb, ...busy });
  return checkExtent({
    nodes,
    ...window,
    jobs: shares.length,
    changes: Changes.of(shares),
    isOfHoles: true,
    notes: { skipped: skipped.all(), firstSkipped: skipped.first(), remarks },
  });
}

function nodesOf(
  byNode: ReadonlyMap<string, readonly Stretch[]>,
  machines: HoleNodes,
): { nodes: readonly TraceNode[]; remarks: readonly string[] } {
  if ("length" in machines) {
    const names = new Set<string>(machines.map(({ name }) => name));
    const unknown = [...byNode.keys()].filter((name) => !names.has(name)).length;
    const remarks =
      unknown > 0
        ? [`${counted(unknown, "node")} of the hole log are not among the machines and are omitted`]
        : [];
    return { nodes: machines, remarks };
  }
  const nodes = [...byNode.keys()].sort().map((name) => ({ name: nodeName(name), ...machines }));
  const each = machines.memoryMb / machines.cores;
  return {
    nodes,
    remarks: [
      `all nodes count as equal, with ${counted(machines.cores, "core")} each; their memory is a guess: ${each} MB for each core (--memory-per-core)`,
    ],
  };
}

function windowOf(byNode: ReadonlyMap<string, readonly Stretch[]>, wish: WindowWish): Stretch {
  let fromMs = Number.POSITIVE_INFINITY;
  let toMs = 0;
  for (const stretches of byNode.values())
    for (const stretch of stretches) {
      fromMs = Math.min(fromMs, stretch.fromMs);
      toMs = Math.max(toMs, stretch.toMs);
    }
  const window = { fromMs: wish.fromMs ?? fromMs, toMs: wish.toMs ?? toMs };
  if (window.toMs > window.fromMs && window.fromMs < toMs && window.toMs > fromMs) return window;
  throw new GleanerError(
    "BAD_REQUEST",
    "the window contains no hole: choose --from and --to between the first and the last hole of the log",
  );
}

/** The times in the window outside the holes, which are in order. */
function between(holes: readonly Stretch[], window: Stretch): Stretch[] {
  const busy: Stretch[] = [];
  let sinceMs = window.fromMs;
  const until = (toMs: number) => {
    if (toMs > sinceMs) busy.push({ fromMs: sinceMs, toMs });
  };
  for (const hole of holes) {
    if (hole.toMs <= window.fromMs || hole.fromMs >= window.toMs) continue;
    until(hole.fromMs);
    sinceMs = Math.max(sinceMs, hole.toMs);
  }
  until(window.toMs);
  return busy;
}
