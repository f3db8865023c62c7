// The submissions of what a list shows, where a field of its format is about them.

import type { InvocationId } from "../../model/ids.js";
import { type Invocation, submissionIdOf } from "../../model/invocation.js";
import { type GleanerClient, maxNamedIds } from "../../sdk/index.js";
import { listOrNone } from "../filters.js";
import { type Units, wholeUnits } from "../formats/amounts.js";
import { groupNames } from "../formats/groups.js";
import { isOfSubmission, sacctColumns } from "../formats/sacct.js";
import { fields, type Line, type SqueuePart } from "../formats/squeue.js";
import { accountOf, partitionsOf, type Submission } from "../formats/submissions.js";
import type { Times } from "../formats/times.js";
import type { Column } from "../output.js";
import { isOurPartition } from "./site.js";

/** What is known of each; an answer has as many as a request may name. */
async function submissionsOf(
  client: GleanerClient,
  invocations: readonly Invocation[],
): Promise<ReadonlyMap<InvocationId, Submission>> {
  const ids = [...new Set(invocations.map(submissionIdOf))];
  const known = new Map<InvocationId, Submission>();
  for (let at = 0; at < ids.length; at += maxNamedIds) {
    const { submissions } = await client.submissions(ids.slice(at, at + maxNamedIds));
    for (const { id, submission } of submissions) known.set(id, submission);
  }
  return known;
}

/** What was named on submission: lists with commas; undefined: anything. */
export interface NamedOnSubmission {
  readonly account: string | undefined;
  readonly partition: string | undefined;
}

/** Those whose script named one of these accounts, and one of these partitions or ours is asked. */
export async function asNamed<Each extends Invocation>(
  client: GleanerClient,
  invocations: readonly Each[],
  { account, partition }: NamedOnSubmission,
): Promise<readonly Each[]> {
  const accounts = listOrNone(account);
  const partitions = isOurPartition(partition) ? null : listOrNone(partition);
  if (accounts === null && partitions === null) return invocations;
  const known = await submissionsOf(client, invocations);
  return invocations.filter((each) => {
    const submission = known.get(submissionIdOf(each));
    return (
      submission !== undefined &&
      (accounts === null || accounts.some((name) => name === accountOf(submission))) &&
      (partitions === null || partitionsOf(submission).some((name) => partitions.includes(name)))
    );
  });
}

/** The lines with their submissions and groups, if the format needs them. */
export async function withSubmissions(
  client: GleanerClient,
  parts: readonly SqueuePart[],
  lines: readonly Line[],
): Promise<readonly Line[]> {
  const shown = parts.flatMap((part) => (typeof part === "string" ? [] : [part.field]));
  const all = lines.map(({ first }) => first);
  const known = shown.some(({ isOfSubmission }) => isOfSubmission)
    ? await submissionsOf(client, all)
    : null;
  const groups = shown.includes(fields.g!) ? groupNames(all.map(({ owner }) => owner.gid)) : null;
  return lines.map((line) => {
    const submission = known?.get(submissionIdOf(line.first));
    const group = groups?.get(line.first.owner.gid);
    return {
      ...line,
      ...(submission !== undefined && { submission }),
      ...(group !== undefined && { group }),
    };
  });
}

/** sacctColumns() for these invocations, with their submissions if the format needs them. */
export async function columnsFor(
  client: GleanerClient,
  invocations: readonly Invocation[],
  format: string,
  times: Times,
  units: Units = wholeUnits,
): Promise<Column<Invocation>[]> {
  const plain = sacctColumns(format, times, units);
  const columns = plain.some(isOfSubmission)
    ? sacctColumns(format, times, units, await submissionsOf(client, invocations))
    : plain;
  if (!columns.some(({ title }) => title === "Group")) return columns;
  const groups = groupNames(invocations.map(({ owner }) => owner.gid));
  const text = ({ owner: { gid } }: Invocation) => groups.get(gid) ?? String(gid);
  return columns.map((each) => (each.title === "Group" ? { ...each, text } : each));
}
