// What a run of this benchmark has shown, and whether it could show it.

import type { InvocationDetail } from "../../../src/wire/api/types.js";
import { measuredPercentiles, rounded } from "../lib/harness.js";

/** How a call ended for its client. */
export interface Outcome {
  /** From the time when it was due. */
  readonly tookMs: number;
  /** null if it returned its input. */
  readonly error: string | null;
}

export interface Evidence {
  readonly outcomes: readonly Outcome[];
  readonly details: readonly Pick<InvocationDetail, "invocation" | "attempts">[];
  readonly evictions: number;
  readonly began: number;
  readonly violations: number;
}

const bars = { answered: 1, p50ms: 20, p99ms: 500 } as const;
/** A run with fewer of them proves nothing. */
const leastEvictions = 5;
const leastNodes = 3;

export function figuresOf({ outcomes, details, evictions, began, violations }: Evidence) {
  const nodes = new Set(details.map(({ invocation }) => invocation.node));
  requireProof(evictions >= leastEvictions, `batch jobs evicted functions ${evictions} times`);
  requireProof(nodes.size >= leastNodes, `calls ran on ${nodes.size} nodes`);
  requireProof(details.length > 0, "no call is on record");
  const answered = outcomes.filter(({ error }) => error === null);
  const { p50, p99 } = measuredPercentiles(
    "a call",
    answered.map(({ tookMs }) => tookMs),
  );
  const figures = {
    calls: outcomes.length,
    answered: answered.length / outcomes.length,
    p50ms: rounded(p50),
    p99ms: rounded(p99),
    evicted: evictions,
    callsEvicted: details.filter(({ attempts }) => attempts.some(wasEvicted)).length,
    coldShare: rounded(details.filter(wasCold).length / details.length, 3),
    batchJobs: began,
    nodes: nodes.size,
    violations,
  };
  const { answered: share, p50ms, p99ms } = figures;
  const withinBars =
    share >= bars.answered && p50ms <= bars.p50ms && p99ms <= bars.p99ms && violations === 0;
  return { ...figures, bars, withinBars };
}

const wasEvicted = ({ state }: Evidence["details"][number]["attempts"][number]) =>
  state === "EVICTED";

/** Its answer came from a worker that was started for it. */
const wasCold = ({ attempts }: Evidence["details"][number]): boolean =>
  (attempts.at(-1)?.phases ?? null) !== null;

function requireProof(isProof: boolean, found: string): void {
  if (!isProof) throw new Error(`the run proves nothing: ${found}`);
}
