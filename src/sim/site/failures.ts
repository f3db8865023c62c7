// Failing nodes: whatever runs there is lost at that moment, and the node is down until it is
// repaired.

import { exponential, type Random } from "../random.js";
import { Changes } from "./changes.js";
import { ShareList } from "./shares.js";
import type { Trace } from "./trace.js";

/**
 * The trace, with each node down at random moments (exponentially distributed, `everyMs` on average
 * after the last repair) for `repairMs`. A node that is down is not idle. The trace's jobs stay as
 * they are: the trace already contains their outcome.
 */
export function withNodeFailures(
  trace: Trace,
  failures: { readonly everyMs: number; readonly repairMs: number } | undefined,
  random: Random,
): Trace {
  if (failures === undefined) return trace;
  const { everyMs, repairMs } = failures;
  const outages = new ShareList();
  for (const [node, { cores, memoryMb }] of trace.nodes.entries())
    for (let atMs = trace.fromMs; ; ) {
      const fromMs = atMs + Math.max(1, Math.round(exponential(random, everyMs)));
      if (fromMs >= trace.toMs) break;
      const toMs = Math.min(trace.toMs, fromMs + repairMs);
      outages.add({ node, cores, memoryMb, fromMs, toMs, isOutage: true });
      atMs = toMs;
    }
  const remark = `${outages.length} failures of nodes, ${repairMs / 1_000} s each, were added`;
  return {
    ...trace,
    changes: trace.changes.with(Changes.of(outages)),
    notes: { ...trace.notes, remarks: [...trace.notes.remarks, remark] },
  };
}
