// Reads when nodes were down or drained, and takes these times from a trace: what is out of service
// is not idle.

import { counted } from "../../model/counted.js";
import { GleanerError } from "../../model/errors.js";
import { Changes } from "../site/changes.js";
import type { Skipped } from "../site/notes.js";
import { ShareList } from "../site/shares.js";
import type { Trace } from "../site/trace.js";
import type { Lines } from "./lines.js";
import { readStretches, type Stretch } from "./stretches.js";

export interface Outages {
  readonly byNode: ReadonlyMap<string, readonly Stretch[]>;
  readonly skipped: Skipped;
}

/**
 * Outages as `sacctmgr show event -P` prints them, or lines of node,start,end. An outage without an
 * end lasts until the end of the trace. Throws BAD_REQUEST if nothing is left.
 */
export async function readOutages(lines: Lines): Promise<Outages> {
  const outages = await readStretches(lines, "outages");
  if (outages.byNode.size === 0)
    throw new GleanerError(
      "BAD_REQUEST",
      `the outages contain none (${outages.skipped.whenNothingIsLeft()}): write what sacctmgr -P show event prints for the time of the records, or lines of node,start,end`,
    );
  return outages;
}

/** What to say if the user gave no outages. */
export const noOutages =
  "no outages were given: nodes that were down or drained count as idle (sacctmgr -P show event …, --outages)";

/** The trace without the outages; the jobs that ran on these nodes stay as they are. */
export function withOutages(trace: Trace, { byNode, skipped }: Outages): Trace {
  const shares = new ShareList();
  let coreMs = 0;
  let found = 0;
  for (const [node, { name, cores, memoryMb }] of trace.nodes.entries()) {
    const stretches = byNode.get(name) ?? [];
    found += stretches.length > 0 ? 1 : 0;
    for (const stretch of stretches) {
      const fromMs = Math.max(trace.fromMs, stretch.fromMs);
      const toMs = Math.min(trace.toMs, stretch.toMs);
      if (toMs <= fromMs) continue;
      shares.add({ node, cores, memoryMb, fromMs, toMs, isOutage: true });
      coreMs += cores * (toMs - fromMs);
    }
  }
  const unknown = byNode.size - found;
  const remarks = [
    `${counted(shares.length, "outage")} of nodes, ${(coreMs / 3_600_000).toFixed(1)} core-hours, are not idle time`,
    ...(unknown > 0
      ? [`the outages name ${counted(unknown, "node")} that the trace does not have`]
      : []),
  ];
  const skippedThere = Object.entries(skipped.all()).map(([reason, times]) => [
    `outages: ${reason}`,
    times,
  ]);
  const firstThere = Object.entries(skipped.first()).map(([reason, place]) => [
    `outages: ${reason}`,
    place,
  ]);
  return {
    ...trace,
    changes: trace.changes.with(Changes.of(shares)),
    notes: {
      skipped: { ...trace.notes.skipped, ...Object.fromEntries(skippedThere) },
      firstSkipped: { ...trace.notes.firstSkipped, ...Object.fromEntries(firstThere) },
      remarks: [...trace.notes.remarks, ...remarks],
    },
  };
}
