// Divides the core-time that leases held by what it was: calls, spinning, or held idle.

import type { LeasedSpan, LeasedTime } from "../../model/records/utilization.js";

export const noLeases: LeasedTime = {
  leasedCallsCoreMs: 0,
  leasedHotCoreMs: 0,
  leasedHeldCoreMs: 0,
};

/**
 * The part of the spans that lies in [fromMs, toMs). Nobody knows when within its span a worker was
 * busy, so a span that is cut counts in proportion. The three add up to cores × time.
 */
export function leasedIn(spans: readonly LeasedSpan[], fromMs: number, toMs: number): LeasedTime {
  const sum = { ...noLeases };
  for (const span of spans) {
    const insideMs = Math.min(span.toMs, toMs) - Math.max(span.fromMs, fromMs);
    if (insideMs <= 0) continue;
    const share = insideMs / (span.toMs - span.fromMs);
    const coreMs = span.cores * insideMs;
    const usedMs = Math.min(coreMs, Math.floor(span.cpuMs * share));
    const hotMs = Math.min(usedMs, Math.floor(span.spinMs * share));
    sum.leasedCallsCoreMs += usedMs - hotMs;
    sum.leasedHotCoreMs += hotMs;
    sum.leasedHeldCoreMs += coreMs - usedMs;
  }
  return sum;
}
