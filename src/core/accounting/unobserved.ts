// The part of a period of which nothing is on record: gleanerd did not run, could not read Slurm,
// or no node was in service.

interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Milliseconds of [fromMs, toMs) that lie in none of the spans. */
export function unobservedIn(spans: readonly Span[], fromMs: number, toMs: number): number {
  const seen = spans
    .map((span) => ({ fromMs: Math.max(span.fromMs, fromMs), toMs: Math.min(span.toMs, toMs) }))
    .filter((span) => span.fromMs < span.toMs)
    .sort((one, other) => one.fromMs - other.fromMs);
  let unobservedMs = 0;
  let reachedMs = fromMs;
  for (const span of seen) {
    unobservedMs += Math.max(0, span.fromMs - reachedMs);
    reachedMs = Math.max(reachedMs, span.toMs);
  }
  return unobservedMs + (toMs - reachedMs);
}
