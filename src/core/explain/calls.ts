// Explains in sentences what a call did: how long it waited, whether a worker was warm, and what
// each phase took.

import type { Attempt, Invocation } from "../../model/invocation.js";
import { type SpanKind, timelineOf } from "../../model/records/timeline.js";

/** Sentences without a full stop, in the order of what happened; none before its first attempt. */
export function explainCall(
  invocation: Pick<Invocation, "submittedAtMs" | "state">,
  attempts: readonly Attempt[],
  nowMs: number,
): readonly string[] {
  const spans = timelineOf(invocation, attempts, nowMs);
  return attempts.flatMap((attempt, at) => {
    const tookMs = (kind: SpanKind) => {
      const found = spans.find((span) => span.attempt === attempt && span.kind === kind);
      return found === undefined ? 0 : found.toMs - found.fromMs;
    };
    const waited = `attempt ${attempt.number} began on ${attempt.node} after a wait of ${shownMs(tookMs("queued"))}`;
    const isLast = at === attempts.length - 1 && invocation.state !== "PENDING";
    return [waited, ...linesOf(attempt, isLast, tookMs)];
  });
}

/** For a leased worker that does not serve yet. */
export const explainStart = (
  { startedAtMs }: Pick<Invocation, "startedAtMs">,
  nowMs: number,
): string =>
  `its worker has been starting for ${shownMs(Math.max(0, nowMs - (startedAtMs ?? nowMs)))} and does not serve yet: what it imports and how busy the node is decide how long that takes`;

function linesOf(attempt: Attempt, isLast: boolean, tookMs: (kind: SpanKind) => number): string[] {
  const { phases, endedAtMs } = attempt;
  if (endedAtMs === null) return ["it has not ended yet: what its phases took is known at its end"];
  const ran = `${ending(attempt, isLast, shownMs(tookMs("run")))}${sharing(attempt)}`;
  if (attempt.sharesWith !== null) {
    const opener = attempt.sharesWith;
    return [`it got a seat in the worker that was opened for call ${opener}; ${ran}`];
  }
  if (phases === null) return [`a warm worker took it; ${ran}`];
  const { fetchMs, startMs, loadMs } = phases;
  return [
    `it was a cold start: to fetch the code took ${shownMs(fetchMs)}, to start the worker ${shownMs(startMs)}, to load the handler ${shownMs(loadMs)}`,
    ran,
  ];
}

/** Empty if it had its worker alone, or pays nothing. */
const sharing = ({ shareMs, state }: Attempt): string =>
  shareMs === null || state === "EVICTED" || state === "LOST"
    ? ""
    : `, beside other calls: its part of that time, for which it pays, is ${shownMs(shareMs)}`;

function ending(
  { state, reason, wallMs }: Pick<Attempt, "state" | "reason" | "wallMs">,
  isLast: boolean,
  ran: string,
): string {
  const why = reason === null ? "" : ` (${reason})`;
  if (state === "EVICTED")
    return `it ran for ${ran} and was evicted${why}: it starts again elsewhere`;
  if (state === "LOST") return `it ran for at most ${ran}: its node was lost${why}`;
  if (state === "FAILED" && !isLast && wallMs === 0)
    return `it did not run${why}: it is tried again`;
  if (state === "FAILED" && !isLast)
    return `it ran for ${ran} and was interrupted${why}: it starts again, and this attempt is billed, too`;
  return `it ran for ${ran}`;
}

const secondsFromMs = 10_000;
const minutesFromMs = 600_000;

export function shownMs(ms: number): string {
  if (ms < secondsFromMs) return `${ms} ms`;
  if (ms < minutesFromMs) return `${(ms / 1_000).toFixed(1)} s`;
  return `${Math.round(ms / 60_000)} min`;
}
