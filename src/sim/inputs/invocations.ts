// Reads a trace of invocations, `app,func,end_timestamp,duration` in seconds (Azure Functions
// 2021), as calls.

import { GleanerError } from "../../model/errors.js";
import { Skipped } from "../site/trace.js";
import type { TracedCall } from "../work/demand.js";
import type { Lines } from "./lines.js";

export interface InvocationTrace {
  readonly calls: readonly TracedCall[];
  readonly skipped: Readonly<Record<string, number>>;
}

/** The most calls held in memory. */
const maxCalls = 5_000_000;
/** Ten days: no function runs longer. */
const maxDurationSeconds = 864_000;

/**
 * The calls in order of their starts, the first at 0. A duration below a millisecond counts as one
 * millisecond. Throws BAD_REQUEST, naming the column, if a required one is missing, or if nothing
 * is left; LIMIT_REACHED above maxCalls.
 */
export async function readInvocations(lines: Lines): Promise<InvocationTrace> {
  const skipped = new Skipped();
  const calls: { functionName: string; user: string; startMs: number; durationMs: number }[] = [];
  let columns: readonly number[] | null = null;
  for await (const line of lines) {
    if (line.trim() === "") continue;
    const fields = line.split(",").map((field) => field.trim());
    if (columns === null) {
      columns = columnsOf(fields);
      continue;
    }
    const [user, functionName, end, duration] = columns.map((column) => fields[column] ?? "");
    if (!isSeconds(end!) || !isSeconds(duration!)) skipped.add("a time that is not a number");
    else if (Number(duration) < 0) skipped.add("negative duration");
    else if (Number(duration) > maxDurationSeconds) skipped.add("longer than ten days");
    else {
      const durationMs = Math.max(1, Math.round(Number(duration) * 1_000));
      const startMs = Math.round((Number(end) - Number(duration)) * 1_000);
      calls.push({ functionName: `${user}/${functionName}`, user: user!, startMs, durationMs });
    }
    if (calls.length > maxCalls)
      throw new GleanerError(
        "LIMIT_REACHED",
        `the trace has more than ${maxCalls} invocations: use a part of it`,
      );
  }
  if (calls.length === 0)
    throw new GleanerError(
      "BAD_REQUEST",
      "the trace of invocations is empty: begin it with app,func,end_timestamp,duration and write one line for each invocation",
    );
  calls.sort((a, b) => a.startMs - b.startMs);
  const first = calls[0]!.startMs;
  return {
    calls: calls.map((call) => ({ ...call, startMs: call.startMs - first })),
    skipped: skipped.all(),
  };
}

const isSeconds = (text: string): boolean => /^-?\d{1,12}(\.\d{1,40})?(e-?\d{1,3})?$/i.test(text);

function columnsOf(header: readonly string[]): number[] {
  const names = header.map((name) => name.toLowerCase());
  const needed = ["app", "func", "end_timestamp", "duration"];
  const missing = needed.filter((name) => !names.includes(name));
  if (missing.length > 0)
    throw new GleanerError(
      "BAD_REQUEST",
      `the trace of invocations lacks ${missing.join(", ")}: its first line must name app,func,end_timestamp,duration`,
    );
  return needed.map((name) => names.indexOf(name));
}
