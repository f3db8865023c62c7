// squeue's `-o`: `%.18i %9P %T`, fields with widths, on the left unless they begin with a point.

import { dependencyText } from "../../model/dependency.js";
import type { Invocation } from "../../model/invocation.js";
import { type GresCounts, gresText } from "../../model/slurm/gres-counts.js";
import type { InvocationList } from "../../sdk/index.js";
import { formatSpan } from "../when.js";
import { memoryText } from "./amounts.js";
import {
  comparing,
  type FormatPart,
  type OnUnknown,
  partsOf,
  rowOf,
  type Titled,
  titlesOf,
} from "./format-parts.js";
import { codeOf, endReasonOf, isShownByReason, partition, stateOf } from "./states.js";
import { accountOf, commandOf, qosOf, type Submission } from "./submissions.js";
import { plainTimes, type Times } from "./times.js";

/** One line: an invocation, or tasks of an array that wait, under the id that stands for them. */
export interface Line {
  readonly first: InvocationList["invocations"][number];
  readonly id: string;
  /** Known if a field of the format is about it. */
  readonly submission?: Submission;
  /** The name of its owner's group, where the format asks for it and there is one. */
  readonly group?: string;
}

export interface Field extends Titled {
  readonly text: (line: Line, times: Times) => string;
  readonly isOfSubmission?: true;
}

export const field = (title: string, text: Field["text"]): Field => ({ title, text });
/** squeue lets lists of nodes go beyond their width. */
const nodes = (title: string, text: Field["text"]): Field => ({
  ...{ title, text },
  isWhole: "title and texts",
});
/** It does so with spans, but not with their titles. */
const span = (title: string, text: Field["text"]): Field => ({ title, text, isWhole: "texts" });
export const fixed = (title: string, text: string): Field => ({ title, text: () => text });
export const ofSubmission = (
  title: string,
  text: (submission: Submission, first: Invocation) => string,
): Field => ({
  title,
  text: ({ first, submission }) => (submission === undefined ? "" : text(submission, first)),
  isOfSubmission: true,
});

const whenOr = (ms: number | null, { text }: Times): string => (ms === null ? "N/A" : text(ms));

/** When it began, or is to begin; null if nobody knows. */
export const startMs = ({ state, startedAtMs, beginAtMs }: Line["first"]): number | null =>
  state === "PENDING" ? (beginAtMs ?? null) : startedAtMs;

/** When it ended, or reaches its time limit. */
export function endMs(first: Line["first"]): number | null {
  const beginMs = startMs(first);
  return first.endedAtMs ?? (beginMs === null ? null : beginMs + first.timeLimitMs);
}

/** null for what waits for its owner, or for others to end. */
export function eligibleMs({ state, reason, submittedAtMs, beginAtMs = 0 }: Line["first"]) {
  const waits = state === "PENDING" && /^(JobHeld|Dependency)/.test(reason ?? "");
  return waits ? null : Math.max(submittedAtMs, beginAtMs);
}

export const moment = (title: string, msOf: (first: Line["first"]) => number | null): Field =>
  field(title, ({ first }, times) => whenOr(msOf(first), times));

export function runningMs({ state, startedAtMs, endedAtMs }: Invocation, nowMs: number): number {
  if (startedAtMs === null || state === "PENDING") return 0;
  return (endedAtMs ?? nowMs) - startedAtMs;
}

export function placeOf({ state, node, reason }: Invocation): string {
  if (state === "PENDING") return `(${reason ?? "waiting for a hole"})`;
  return node ?? (reason === null ? "" : `(${reason})`);
}

/** As in `gres/gpu:a100:2,gres/nvme:1`. */
function tresPerNode(gpus: number, counts: GresCounts = {}, gpuType?: string): string {
  const gpu = gpuType === undefined ? "gpu" : `gpu:${gpuType}`;
  return gresText({ ...(gpus > 0 && { [gpu]: gpus }), ...counts }) || "N/A";
}

/** Slurm gives what its owner holds no priority. */
const priorityOf = ({ reason }: Invocation): string => (reason?.startsWith("JobHeld") ? "0" : "1");

/** By squeue's letters; what Gleaner has nothing like is shown as squeue shows what is not set. */
export const fields: Readonly<Record<string, Field>> = {
  A: field("JOBID", ({ first }) => String(first.id)),
  i: field("JOBID", ({ id }) => id),
  F: field("ARRAY_JOB_ID", ({ first }) => String(first.arrayJobId ?? first.id)),
  K: field("ARRAY_TASK_ID", ({ first, id }) =>
    first.arrayJobId === null ? "N/A" : id.slice(id.indexOf("_") + 1).replace(/[[\]]/g, ""),
  ),
  j: field("NAME", ({ first }) => first.name),
  u: field("USER", ({ first }) => first.owner.user),
  U: field("UID", ({ first }) => String(first.owner.uid)),
  G: field("GROUP", ({ first }) => String(first.owner.gid)),
  t: field("ST", ({ first }) => codeOf(stateOf(first))),
  T: field("STATE", ({ first }) => stateOf(first)),
  C: field("CPUS", ({ first }) => String(first.cores)),
  c: field("MIN_CPUS", ({ first }) => String(first.cores)),
  m: field("MIN_MEMORY", ({ first }) => memoryText(first.memoryMb)),
  D: fixed("NODES", "1"),
  N: nodes("NODELIST", ({ first }) => (first.state === "PENDING" ? "" : (first.node ?? ""))),
  B: field("EXEC_HOST", ({ first }) => (first.state === "PENDING" ? "n/a" : (first.node ?? "n/a"))),
  R: nodes("NODELIST(REASON)", ({ first }) =>
    isShownByReason(first) ? `(${endReasonOf(first)})` : (first.node ?? ""),
  ),
  r: field("REASON", ({ first }) => endReasonOf(first)),
  M: span("TIME", ({ first }, { nowMs }) => formatSpan(runningMs(first, nowMs))),
  l: span("TIME_LIMIT", ({ first }) => formatSpan(first.timeLimitMs)),
  L: span("TIME_LEFT", ({ first }, { nowMs }) =>
    formatSpan(Math.max(0, first.timeLimitMs - runningMs(first, nowMs))),
  ),
  S: moment("START_TIME", startMs),
  e: moment("END_TIME", endMs),
  V: moment("SUBMIT_TIME", ({ submittedAtMs }) => submittedAtMs),
  P: fixed("PARTITION", partition),
  a: ofSubmission("ACCOUNT", (of) => accountOf(of) ?? "(null)"),
  q: ofSubmission("QOS", (of) => qosOf(of) ?? "(null)"),
  E: ofSubmission("DEPENDENCY", ({ schedule = {} }) => dependencyText(schedule) || "(null)"),
  f: fixed("FEATURES", "(null)"),
  v: fixed("RESERVATION", "(null)"),
  p: field("PRIORITY", ({ first }) => priorityOf(first)),
  Q: field("PRIORITY", ({ first }) => priorityOf(first)),
  Y: nodes("SCHEDNODES", () => "(null)"),
  x: fixed("EXC_NODES", ""),
  X: fixed("CORE_SPEC", "N/A"),
  d: fixed("MIN_TMP_DISK", "0"),
  I: fixed("CORES_PER_SOCKET", "*"),
  J: fixed("THREADS_PER_CORE", "*"),
  o: ofSubmission("COMMAND", commandOf),
  s: fixed("", ""),
  Z: ofSubmission("WORK_DIR", ({ workingDirectory }) => workingDirectory),
  h: fixed("OVER_SUBSCRIBE", "OK"),
  k: ofSubmission("COMMENT", ({ comment = "(null)" }) => comment),
  n: fixed("REQ_NODES", ""),
  y: fixed("NICE", "0"),
  H: fixed("SOCKETS_PER_NODE", "*"),
  z: fixed("S:C:T", "*:*:*"),
  g: field("GROUP", ({ first, group }) => group ?? String(first.owner.gid)),
  b: ofSubmission("TRES_PER_NODE", ({ where = {} }, { gpus }) =>
    tresPerNode(gpus, where.gres, where.gpuType),
  ),
  O: fixed("CONTIGUOUS", "0"),
  W: fixed("LICENSES", "(null)"),
  w: fixed("WCKEY", "(null)"),
};

/** What squeue prints without options, with `-l`, and with `--start`. */
export const plainFormat = "%.18i %.9P %.8j %.8u %.2t %.10M %.6D %R";
export const longFormat = "%.18i %.9P %.8j %.8u %.8T %.10M %.9l %.6D %R";
/** squeue's order: what waits first, what its owner holds last of it. */
export const plainOrder = "P,t,-p";
export const startFormat = "%.18i %.9P %.8j %.8u %.2t %.19S %.6D %20Y %R";

export type SqueuePart = FormatPart<Field>;

export const squeueParts = (format: string, onUnknown?: OnUnknown): SqueuePart[] =>
  partsOf(format, fields, onUnknown);

/** What `squeue --steps` prints; steps that srun starts are not on record. */
export const stepFormat = "%.15i %.8j %.9P %.8u %.9M %N";
export const stepFields: Readonly<Record<string, Field>> = {
  ...fields,
  i: field("STEPID", ({ id }) => `${id}.batch`),
  j: fixed("NAME", "batch"),
  A: fixed("TASKS", "1"),
};
export const stepParts = (format: string, onUnknown?: OnUnknown): SqueuePart[] =>
  partsOf(format, stepFields, onUnknown);

/** For `--sort`; throws BAD_REQUEST for a letter that is no field. */
export function sortLines(lines: readonly Line[], keys: string, nowMs: number): Line[] {
  const times = plainTimes(nowMs);
  return lines.toSorted(comparing(keys, fields, ({ text }, line: Line) => text(line, times)));
}

/** The lines of a list in squeue's format. */
export function squeueFormat(
  parts: readonly SqueuePart[],
  lines: readonly Line[],
  times: Times,
  withHeader: boolean,
): string {
  const row = (textOf: (found: Field) => string) => rowOf(parts, textOf);
  const header = withHeader ? [titlesOf(parts)] : [];
  const body = lines.map((line) => row((found) => found.text(line, times)));
  return [...header, ...body].map((line) => `${line}\n`).join("");
}
