// The part of a period of which nothing is on record: gleanerd did not run, could not read Slurm,
// or no node was in service.

interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Milliseconds of [fromMs, toMs) that lie in none of the spans. */
export function unobservedIn(spans: readonly Span[], fromMs: number, toMs: number): number {
  let unobservedMs = 0;
  let reachedMs = fromMs;
  for (const span of [...spans].sort((one, other) => one.fromMs - other.fromMs)) {
    unobservedMs += Math.max(0, Math.min(span.fromMs, toMs) - reachedMs);
    reachedMs = Math.max(reachedMs, Math.min(span.toMs, toMs));
  }
  return unobservedMs + (toMs - reachedMs);
}
