// The submissions of what a list shows, where a field of its format is about them.

import type { InvocationId } from "../../model/ids.js";
import { type Invocation, submissionIdOf } from "../../model/invocation.js";
import type { GleanerClient } from "../../sdk/index.js";
import { type Units, wholeUnits } from "../formats/amounts.js";
import { isOfSubmission, sacctColumns } from "../formats/sacct.js";
import type { Line, SqueuePart } from "../formats/squeue.js";
import type { Submission } from "../formats/submissions.js";
import type { Column } from "../output.js";

/** Asks for each once. */
async function submissionsOf(
  client: GleanerClient,
  invocations: readonly Invocation[],
): Promise<ReadonlyMap<InvocationId, Submission>> {
  const known = new Map<InvocationId, Submission>();
  for (const each of invocations) {
    const id = submissionIdOf(each);
    if (!known.has(id)) known.set(id, (await client.detail(String(each.id))).submission);
  }
  return known;
}

/** The lines with their submissions, if the format needs them. */
export async function withSubmissions(
  client: GleanerClient,
  parts: readonly SqueuePart[],
  lines: readonly Line[],
): Promise<readonly Line[]> {
  if (!parts.some((part) => typeof part !== "string" && part.field.isOfSubmission)) return lines;
  const known = await submissionsOf(
    client,
    lines.map(({ first }) => first),
  );
  return lines.map((line) => ({ ...line, submission: known.get(submissionIdOf(line.first))! }));
}

/** sacctColumns() for these invocations, with their submissions if the format needs them. */
export async function columnsFor(
  client: GleanerClient,
  invocations: readonly Invocation[],
  format: string,
  nowMs: number,
  units: Units = wholeUnits,
): Promise<Column<Invocation>[]> {
  const columns = sacctColumns(format, nowMs, units);
  if (!columns.some(isOfSubmission)) return columns;
  return sacctColumns(format, nowMs, units, await submissionsOf(client, invocations));
}
