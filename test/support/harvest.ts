// A made-up harvest of a small cluster, the same each time: input for tests of the utilization
// report.

import { executorId, invocationId, jobId, type NodeName, nodeName } from "../../src/model/ids.js";
import type { UtilizationInput } from "../../src/model/records/utilization.js";

const minuteMs = 60_000;
const harvestBeginMs = Date.UTC(2026, 2, 1, 12, 0, 0);

/**
 * `names.length` nodes of 16 cores during `minutes`; jobs of mixed widths come and go, Gleaner
 * holds most of the rest.
 */
export function harvest(names: readonly string[], minutes = 90): UtilizationInput {
  const nodes = names.map(nodeName);
  const toMs = harvestBeginMs + minutes * minuteMs;
  const slots = nodes.flatMap((node, place) =>
    Array.from({ length: Math.floor(minutes / 5) }, (_, slot) => {
      const fromMs = harvestBeginMs + slot * 5 * minuteMs + ((place * 7) % 5) * 20_000;
      const busyCores = [16, 4, 0, 10, 12, 0, 8][(slot * 3 + place * 5) % 7]!;
      return { node, fromMs, toMs: fromMs + 5 * minuteMs, busyCores, number: place * 1_000 + slot };
    }),
  );
  const holes = slots.filter(({ busyCores }) => busyCores < 16);
  const batch = slots.filter(({ busyCores }) => busyCores > 0);
  return {
    fromMs: harvestBeginMs,
    toMs,
    leased: [],
    nodeSpans: nodes.map((node) => ({ node, cores: 16, fromMs: harvestBeginMs, toMs })),
    jobs: batch.map((slot) => ({
      id: jobId(slot.number),
      displayId: String(slot.number),
      name: "simulate",
      user: "ada",
      partition: "batch",
      state: "COMPLETED",
      nodes: [slot.node],
      cores: slot.busyCores,
      submittedAtMs: slot.fromMs,
      startedAtMs: slot.fromMs,
      endedAtMs: slot.toMs,
    })),
    hookEvents: [],
    holdings: holes.map((slot) => ({
      executor: executorId(`e${slot.number}`),
      node: slot.node,
      cores: 16 - slot.busyCores,
      fromMs: slot.fromMs + 9_000,
      toMs: slot.toMs,
    })),
    useful: holes.map((slot) => ({
      invocation: invocationId(slot.number),
      node: slot.node,
      cores: Math.ceil((16 - slot.busyCores) * 0.8),
      fromMs: slot.fromMs + 14_000 + (slot.number % 7) * 3_000,
      toMs: slot.toMs,
    })),
    unfinished: [],
    conditions: slots.flatMap(conditionsOf),
    waits: [{ fromMs: harvestBeginMs, toMs: harvestBeginMs + 10 * minuteMs }],
    evictions: batch.map((slot) => ({
      node: slot.node,
      jobId: jobId(slot.number),
      atMs: slot.fromMs,
      tookMs: 3 + ((slot.number * 13) % 29),
      attempts: 1 + (slot.number % 3),
      lostCoreMs: 900,
      left: 0,
    })),
  };
}

/** An executor is ready after 9 s. */
function conditionsOf(slot: { node: NodeName; fromMs: number; toMs: number; busyCores: number }) {
  const { node, fromMs, toMs, busyCores } = slot;
  if (busyCores === 16) return [{ node, condition: "full", fromMs, toMs }];
  const readyMs = fromMs + 9_000;
  return [
    { node, condition: "starting", fromMs, toMs: readyMs },
    { node, condition: "ready", fromMs: readyMs, toMs },
  ];
}
