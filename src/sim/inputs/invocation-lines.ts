// Parses the lines of a trace of invocations, `app,func,end_timestamp,duration` in seconds (Azure
// Functions 2021).

import { GleanerError } from "../../model/errors.js";
import type { Lines } from "./lines.js";

export interface InvocationLine {
  readonly app: string;
  readonly func: string;
  readonly endSeconds: number;
  readonly durationSeconds: number;
}

/** Ten days: no function runs longer. */
const maxDurationSeconds = 864_000;

/**
 * Yields each invocation; tells `skip` why a line is none, and its number from 1. Throws
 * BAD_REQUEST, naming the column, if a required one is missing.
 */
export async function* invocationLines(
  lines: Lines,
  skip: (reason: string, line: number) => void,
): AsyncGenerator<InvocationLine> {
  let columns: readonly number[] | null = null;
  let number = 0;
  for await (const line of lines) {
    number++;
    if (line.trim() === "") continue;
    const fields = line.split(",").map((field) => field.trim());
    if (columns === null) {
      columns = columnsOf(fields);
      continue;
    }
    const [app = "", func = "", end = "", duration = ""] = columns.map((at) => fields[at] ?? "");
    if (!isSeconds(end) || !isSeconds(duration)) skip("a time that is not a number", number);
    else if (Number(duration) < 0) skip("negative duration", number);
    else if (Number(duration) > maxDurationSeconds) skip("longer than ten days", number);
    else yield { app, func, endSeconds: Number(end), durationSeconds: Number(duration) };
  }
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

export const emptyTrace = (): GleanerError =>
  new GleanerError(
    "BAD_REQUEST",
    "the trace of invocations is empty: begin it with app,func,end_timestamp,duration and write one line for each invocation",
  );

export const tooManyCalls = (most: number): GleanerError =>
  new GleanerError(
    "LIMIT_REACHED",
    `the trace has more than ${most} invocations: use a part of it`,
  );
