// squeue's `-o`: `%.18i %9P %T`, fields with widths, on the left unless they begin with a point.

import { GleanerError } from "../../model/errors.js";
import type { Invocation } from "../../model/invocation.js";
import { nearest } from "../../model/nearest.js";
import { printable } from "../output.js";
import { quoted } from "../values.js";
import { formatSpan, formatWhen } from "../when.js";
import { cutTo, fill } from "../width.js";
import { memoryText } from "./amounts.js";
import { codeOf, reasonOf, stateOf } from "./states.js";

/** One line: an invocation, or tasks of an array that wait, under the id that stands for them. */
export interface Line {
  readonly first: Invocation;
  readonly id: string;
}

interface Field {
  readonly title: string;
  readonly text: (line: Line, nowMs: number) => string;
}

const field = (title: string, text: Field["text"]): Field => ({ title, text });
const fixed = (title: string, text: string): Field => ({ title, text: () => text });

const whenOr = (ms: number | null): string => (ms === null ? "N/A" : formatWhen(ms));
const limitEndMs = ({ startedAtMs, timeLimitMs }: Invocation): number | null =>
  startedAtMs === null ? null : startedAtMs + timeLimitMs;

export function runningMs({ state, startedAtMs, endedAtMs }: Invocation, nowMs: number): number {
  if (startedAtMs === null || state === "PENDING") return 0;
  return (endedAtMs ?? nowMs) - startedAtMs;
}

export function placeOf({ state, node, reason }: Invocation): string {
  if (state === "PENDING") return `(${reason ?? "waiting for a hole"})`;
  return node ?? (reason === null ? "" : `(${reason})`);
}

/** By squeue's letters; what Gleaner has nothing like is shown as squeue shows what is not set. */
const fields: Readonly<Record<string, Field>> = {
  A: field("JOBID", ({ first }) => String(first.id)),
  i: field("JOBID", ({ id }) => id),
  F: field("ARRAY_JOB_ID", ({ first }) => String(first.arrayJobId ?? first.id)),
  K: field("ARRAY_TASK_ID", ({ first, id }) =>
    first.arrayJobId === null ? "N/A" : id.slice(id.indexOf("_") + 1).replace(/[[\]]/g, ""),
  ),
  j: field("NAME", ({ first }) => first.name),
  u: field("USER", ({ first }) => first.owner.user),
  U: field("USER", ({ first }) => String(first.owner.uid)),
  G: field("GROUP", ({ first }) => String(first.owner.gid)),
  t: field("ST", ({ first }) => codeOf(stateOf(first))),
  T: field("STATE", ({ first }) => stateOf(first)),
  C: field("CPUS", ({ first }) => String(first.cores)),
  c: field("MIN_CPUS", ({ first }) => String(first.cores)),
  m: field("MIN_MEMORY", ({ first }) => memoryText(first.memoryMb)),
  D: fixed("NODES", "1"),
  N: field("NODELIST", ({ first }) => (first.state === "PENDING" ? "" : (first.node ?? ""))),
  B: field("EXEC_HOST", ({ first }) => (first.state === "PENDING" ? "n/a" : (first.node ?? "n/a"))),
  R: field("NODELIST(REASON)", ({ first }) =>
    first.state === "RUNNING" ? (first.node ?? "") : `(${reasonOf(first)})`,
  ),
  r: field("REASON", ({ first }) => reasonOf(first)),
  M: field("TIME", ({ first }, nowMs) => formatSpan(runningMs(first, nowMs))),
  l: field("TIME_LIMIT", ({ first }) => formatSpan(first.timeLimitMs)),
  L: field("TIME_LEFT", ({ first }, nowMs) =>
    formatSpan(Math.max(0, first.timeLimitMs - runningMs(first, nowMs))),
  ),
  S: field("START_TIME", ({ first }) => whenOr(first.startedAtMs)),
  e: field("END_TIME", ({ first }) => whenOr(first.endedAtMs ?? limitEndMs(first))),
  V: field("SUBMIT_TIME", ({ first }) => formatWhen(first.submittedAtMs)),
  P: fixed("PARTITION", "gleaner"),
  a: fixed("ACCOUNT", "(null)"),
  q: fixed("QOS", "(null)"),
  E: fixed("DEPENDENCY", "(null)"),
  f: fixed("FEATURES", "(null)"),
  v: fixed("RESERVATION", "(null)"),
  p: fixed("PRIORITY", "0"),
  Q: fixed("PRIORITY", "0"),
  Y: fixed("SCHEDNODES", "(null)"),
  x: fixed("EXC_NODES", ""),
  X: fixed("CORE_SPEC", "N/A"),
  d: fixed("MIN_TMP_DISK", "0"),
  I: fixed("CORES_PER_SOCKET", "*"),
  J: fixed("THREADS_PER_CORE", "*"),
  o: fixed("COMMAND", "(null)"),
  s: fixed("SELECT_JOBINFO", ""),
  Z: fixed("WORK_DIR", "(null)"),
  h: fixed("OVER_SUBSCRIBE", "OK"),
  k: fixed("COMMENT", "(null)"),
  n: fixed("REQ_NODES", ""),
  y: fixed("NICE", "0"),
  H: fixed("SOCKETS_PER_NODE", "*"),
  z: fixed("S:C:T", "*:*:*"),
  g: field("GROUP", ({ first }) => String(first.owner.gid)),
  b: field("TRES_PER_NODE", ({ first }) => (first.gpus > 0 ? `gres/gpu:${first.gpus}` : "N/A")),
  O: fixed("CONTIGUOUS", "0"),
  W: fixed("LICENSES", "(null)"),
  w: fixed("WCKEY", "(null)"),
};

/** What squeue prints without options, with `-l`, and with `--start`. */
export const plainFormat = "%.18i %.9P %.8j %.8u %.2t %.10M %.6D %R";
export const longFormat = "%.18i %.9P %.8j %.8u %.8T %.10M %.9l %.6D %R";
export const startFormat = "%.18i %.9P %.8j %.8u %.2t %.19S %.6D %20Y %R";

/** squeue's `-O`: fields that no letter has. */
const wordy: Readonly<Record<string, Field>> = {
  restartcnt: field("RESTARTS", ({ first }) => String(Math.max(0, first.attempt - 1))),
  exit_code: field("EXIT_CODE", ({ first }) => String(first.exitCode ?? 0)),
  "tres-alloc": field("TRES_ALLOC", ({ first: { cores, memoryMb, gpus } }) => {
    const gres = gpus > 0 ? `,gres/gpu=${gpus}` : "";
    return `cpu=${cores},mem=${memoryText(memoryMb)},node=1,billing=${cores}${gres}`;
  }),
  "cpus-per-task": field("CPUS_PER_TASK", ({ first }) => String(first.cores)),
};

/** squeue's `-O`: names of fields, and the letter that prints the same. */
const named: Readonly<Record<string, string>> = {
  jobid: "A",
  jobarrayid: "i",
  arrayjobid: "F",
  arraytaskid: "K",
  name: "j",
  username: "u",
  userid: "U",
  groupid: "G",
  statecompact: "t",
  state: "T",
  numcpus: "C",
  mincpus: "c",
  minmemory: "m",
  numnodes: "D",
  nodelist: "N",
  batchhost: "B",
  reasonlist: "R",
  reason: "r",
  timeused: "M",
  timelimit: "l",
  timeleft: "L",
  starttime: "S",
  endtime: "e",
  submittime: "V",
  partition: "P",
  account: "a",
  qos: "q",
  dependency: "E",
  feature: "f",
  reservation: "v",
  prioritylong: "Q",
  priority: "p",
  schednodes: "Y",
  numtasks: "c",
  "tres-per-node": "b",
  workdir: "Z",
  command: "o",
  comment: "k",
  contiguous: "O",
  excnodes: "x",
  groupname: "g",
  licenses: "W",
  mintmpdisk: "d",
  nice: "y",
  oversubscribe: "h",
  reqnodes: "n",
  sct: "z",
  sockets: "H",
  wckey: "w",
};

/** A field with its width, or text between fields. */
export type Part =
  | string
  | { readonly field: Field; readonly width: number; readonly right: boolean };

/** squeue's other names, of which Gleaner has nothing. */
const others = `
accruetime admin_comment allocnodes allocsid associd batchflag boardspernode burstbuffer
burstbufferstate cluster clusterfeature container containerid cores corespec cpufreq cpus-per-tres
deadline delayboot derivedec eligibletime hetjobid hetjobidset hetjoboffset lastschedeval maxcpus
maxnodes mcslabel mem-per-tres mintime network nodes ntperboard ntpercore ntpernode ntpersocket
originraw pendingtime preempttime profile reqswitch requeue resizetime resvport siblingsactive
siblingsactiveraw siblingsviable siblingsviableraw sperboard stderr stdin stdout stepname
stepstate system_comment threads tres-bind tres-freq tres-per-job tres-per-socket tres-per-step
tres-per-task`
  .trim()
  .split(/\s+/);

function fieldNamed(name: string): Field | null {
  const letter = named[name];
  if (letter !== undefined) return fields[letter]!;
  if (wordy[name] !== undefined) return wordy[name];
  return others.includes(name) ? fixed(name.toUpperCase().replaceAll("-", "_"), "N/A") : null;
}

/** Reads `-O`: `JobID:8,State:.10`; 20 columns if no width is given. */
export function partsNamed(format: string): Part[] {
  return format.split(",").map((word) => {
    const [, name = "", , point = "", width = "20"] =
      /^\s*([\w-]+)(:(\.?)(\d{1,4})?[^,]*)?\s*$/.exec(word) ?? [];
    const found = fieldNamed(name.toLowerCase());
    if (found === null)
      throw new GleanerError(
        "BAD_REQUEST",
        `-O: no field ${quoted(word)}; did you mean ${nearest(word.slice(0, 40), [...Object.keys(named), ...Object.keys(wordy), ...others])}?`,
      );
    return { field: found, width: Number(width), right: point === "." };
  });
}

/** Reads `-o`: `%.18i %9P %T`. Throws BAD_REQUEST for a letter that is none. */
export function partsOf(format: string): Part[] {
  return [...format.matchAll(/%(\.?)(\d{0,4})(\w)|[^%]+|%/g)].map(
    ([whole, point, width, letter]) => {
      if (letter === undefined) return whole;
      const found = fields[letter];
      if (found === undefined)
        throw new GleanerError(
          "BAD_REQUEST",
          `-o: ${quoted(whole)} is no field here: expected % with one of ${Object.keys(fields).join("")}`,
        );
      return { field: found, width: Number(width), right: point === "." };
    },
  );
}

/** For `--sort`: the values of a field, numbers by their size. */
export function sortLines(lines: readonly Line[], keys: string, nowMs: number): Line[] {
  const order = [...keys.matchAll(/([+-]?)(\w)/g)].flatMap(([, sign, letter]) => {
    const found = fields[letter!];
    return found === undefined ? [] : [{ text: found.text, factor: sign === "-" ? -1 : 1 }];
  });
  const compare = (left: string, right: string): number =>
    left.localeCompare(right, "en", { numeric: true });
  return lines.toSorted((left, right) => {
    for (const { text, factor } of order) {
      const difference = compare(text(left, nowMs), text(right, nowMs));
      if (difference !== 0) return factor * difference;
    }
    return 0;
  });
}

/** The lines of a list in squeue's format. */
export function squeueFormat(
  parts: readonly Part[],
  lines: readonly Line[],
  nowMs: number,
  withHeader: boolean,
): string {
  const row = (text: (found: Field) => string): string =>
    parts
      .map((part) => {
        if (typeof part === "string") return part;
        const shown = printable(text(part.field));
        return part.width === 0 ? shown : fill(cutTo(shown, part.width), part.width, part.right);
      })
      .join("");
  const header = withHeader ? [row(({ title }) => title)] : [];
  const body = lines.map((line) => row((found) => found.text(line, nowMs)));
  return [...header, ...body].map((line) => `${line}\n`).join("");
}
