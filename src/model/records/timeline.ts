// What an invocation did when: its waits, and the phases of its attempts, from what is recorded of
// them.

import type { Attempt, Invocation } from "../invocation.js";

export type SpanKind =
  /** It waited for its first attempt, or for another one. */
  | "queued"
  /** Its order was on the way, or its process was being made. */
  | "placed"
  | "fetch"
  | "start"
  | "import"
  | "run";

export interface Span {
  readonly kind: SpanKind;
  /** null while it waited for one that has not begun. */
  readonly attempt: Attempt | null;
  readonly fromMs: number;
  readonly toMs: number;
}

type Times = Pick<Invocation, "submittedAtMs" | "state">;

/** In order, without those that took no time; `nowMs` ends what has not ended. */
export function timelineOf(
  { submittedAtMs, state }: Times,
  attempts: readonly Attempt[],
  nowMs: number,
): readonly Span[] {
  const spans: Span[] = [];
  let fromMs = submittedAtMs;
  for (const attempt of attempts) {
    spans.push({ kind: "queued", attempt, fromMs, toMs: attempt.startedAtMs });
    spans.push(...spansOf(attempt, nowMs));
    fromMs = attempt.endedAtMs ?? nowMs;
  }
  if (state === "PENDING") spans.push({ kind: "queued", attempt: null, fromMs, toMs: nowMs });
  return spans.filter((span) => span.toMs > span.fromMs);
}

/**
 * The end is known by gleanerd's clock and the durations by the node's: the phases are laid out
 * backwards from the end, within the attempt.
 */
function spansOf(attempt: Attempt, nowMs: number): readonly Span[] {
  const { startedAtMs, endedAtMs, wallMs, phases } = attempt;
  if (endedAtMs === null) return [{ kind: "run", attempt, fromMs: startedAtMs, toMs: nowMs }];
  const within = (ms: number) => Math.min(endedAtMs, Math.max(startedAtMs, ms));
  const { fetchMs, startMs, loadMs, runMs } = phases ?? {
    ...{ fetchMs: 0, startMs: 0, loadMs: 0 },
    runMs: wallMs ?? 0,
  };
  const before = (...durations: number[]) =>
    within(endedAtMs - durations.reduce((sum, ms) => sum + ms, 0));
  const times = [
    startedAtMs,
    before(fetchMs, startMs, loadMs, runMs),
    before(startMs, loadMs, runMs),
    before(loadMs, runMs),
    before(runMs),
    endedAtMs,
  ];
  const kinds = ["placed", "fetch", "start", "import", "run"] as const;
  return kinds.map((kind, at) => ({ kind, attempt, fromMs: times[at]!, toMs: times[at + 1]! }));
}
