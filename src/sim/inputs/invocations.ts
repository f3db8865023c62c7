// Reads a trace of invocations, `app,func,end_timestamp,duration` in seconds (Azure Functions
// 2021), as calls.

import { Skipped } from "../site/notes.js";
import type { TracedCall } from "../work/demand.js";
import { emptyTrace, invocationLines, tooManyCalls } from "./invocation-lines.js";
import type { Lines } from "./lines.js";

export interface InvocationTrace {
  readonly calls: readonly TracedCall[];
  readonly skipped: Readonly<Record<string, number>>;
  readonly firstSkipped: Readonly<Record<string, string>>;
}

/** The most calls held in memory. */
const maxCalls = 5_000_000;

/**
 * The calls in order of their starts, the first at 0. A duration below a millisecond counts as one
 * millisecond. Throws BAD_REQUEST, naming the column, if a required one is missing, or if nothing
 * is left; LIMIT_REACHED above maxCalls.
 */
export async function readInvocations(lines: Lines): Promise<InvocationTrace> {
  const skipped = new Skipped();
  const calls: { functionName: string; user: string; startMs: number; durationMs: number }[] = [];
  for await (const each of invocationLines(lines, (reason, line) => skipped.add(reason, line))) {
    const { app: user, func, endSeconds, durationSeconds } = each;
    const durationMs = Math.max(1, Math.round(durationSeconds * 1_000));
    const startMs = Math.round((endSeconds - durationSeconds) * 1_000);
    calls.push({ functionName: `${user}/${func}`, user, startMs, durationMs });
    if (calls.length > maxCalls) throw tooManyCalls(maxCalls);
  }
  if (calls.length === 0) throw emptyTrace();
  calls.sort((a, b) => a.startMs - b.startMs);
  const first = calls[0]!.startMs;
  return {
    calls: calls.map((call) => ({ ...call, startMs: call.startMs - first })),
    skipped: skipped.all(),
    firstSkipped: skipped.first(),
  };
}
