// Parses a node's generic resources: GPUs, declared as `gpu:a100:2(S:0-1)` and used as
// `gpu:a100:2(IDX:0,2-3)`, and those that Slurm only counts.

import { maxGpus } from "../model/resources.js";
import { type GresCounts, gresSum, gresWithout } from "../model/slurm/gres-counts.js";
import type { Node } from "../model/slurm/node.js";

/** An entry of a GRES list. `indices` is null if Slurm prints none. */
export interface GresEntry {
  readonly name: string;
  readonly type: string | null;
  readonly count: number;
  readonly indices: readonly number[] | null;
  /** false for `no_consume`. */
  readonly isCounted: boolean;
}

/** More than any machine has; bounds the cost of long lists of indices. */
const maxIndices = 1_024;
/** Slurm's units of large counts, in powers of 1024. */
const units: Readonly<Record<string, number>> = { "": 0, K: 1, M: 2, G: 3, T: 4, P: 5 };

/** Slurm does not count such entries: any number of jobs can use them at once. */
const uncounted = "no_consume";

/** Returns the entries of `Gres=` or `GresUsed=` without unreadable ones. Never throws. */
export function readGres(text: string): GresEntry[] {
  // Commas within parentheses belong to the indices. Slurm prints `(null)` for a type that is not
  // set.
  const entries: GresEntry[] = [];
  for (const part of text.replaceAll(":(null)", ":").match(/[^,(]+(?:\([^)]*\))?/g) ?? []) {
    const entry = readEntry(part.trim());
    if (entry !== null) entries.push(entry);
  }
  return entries;
}

function readEntry(part: string): GresEntry | null {
  const open = part.indexOf("(");
  const words = (open === -1 ? part : part.slice(0, open)).split(":");
  const note = open === -1 ? "" : part.slice(open + 1, -1);
  const indices = note.startsWith("IDX:") ? readIndices(note.slice(4)) : null;
  const [name, ...rest] = words.filter((word) => word !== uncounted);
  if (name === undefined || !/^[A-Za-z]\w*$/.test(name)) return null;
  const counted = rest.length === 0 ? null : readGresCount(rest.at(-1)!);
  const count = counted ?? indices?.length ?? 1;
  const hasType = rest.length > (counted === null ? 0 : 1) && rest[0] !== "";
  const isCounted = !words.includes(uncounted);
  return { name, type: hasType ? rest[0]! : null, count, indices, isCounted };
}

function readGresCount(text: string): number | null {
  const match = /^(\d{1,12})([KMGTP]?)$/.exec(text);
  return match ? Number(match[1]) * 1024 ** units[match[2]!]! : null;
}

/** Expands `0,2-3`; empty for `N/A`; null if unreadable or larger than any node's list. */
function readIndices(text: string): number[] | null {
  if (text === "N/A") return [];
  const indices: number[] = [];
  for (const range of text.split(",")) {
    const match = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(range);
    if (!match) return null;
    const first = Number(match[1]);
    const last = Number(match[2] ?? first);
    if (indices.length + last - first >= maxIndices) return null;
    for (let index = first; index <= last; index++) indices.push(index);
  }
  return indices;
}

/** The GPUs in a node's record; see model/slurm/node.ts. */
export type NodeGpus = Pick<Node, "gpuCount" | "allocatedGpus" | "untoldGpuCount" | "gpuProblem">;

/**
 * Returns the whole GPUs of a node and those of jobs. If the record does not prove which are free,
 * all count as allocated and `gpuProblem` says why.
 */
export function readGpus(
  gresText: string,
  usedText: string | null,
  drainText: string | null = null,
): NodeGpus {
  const declared = readGres(gresText).filter(isGpu);
  const sliced = whyNotWhole(declared);
  // The node hook names no GPUs with higher indices.
  const gpuCount = sliced === null ? Math.min(maxGpus, countOf(declared)) : 0;
  const none = { gpuCount, allocatedGpus: [], untoldGpuCount: null, gpuProblem: sliced };
  if (gpuCount === 0) return none;
  const used = usedText === null ? null : readGres(usedText);
  const draining = readGres(drainText ?? "").filter(isGpu);
  const gpuProblem = whyUntold(declared, used, draining);
  if (gpuProblem === null) return { ...none, allocatedGpus: indicesOf([...used!, ...draining])! };
  return {
    gpuCount,
    allocatedGpus: Array.from({ length: gpuCount }, (_, index) => index),
    untoldGpuCount: gpuProblem === countsOnly ? countOf(used!.filter(isGpu)) : null,
    gpuProblem,
  };
}

/** The types of a node's GPUs. Only gres.conf may name them, and then only `usedText` does. */
export function readGpuTypes(
  gresText: string,
  usedText: string | null,
): Pick<Node, "gpuType" | "gpusDiffer"> {
  const declared = gpuTypesIn(gresText);
  const [type = null] = declared;
  return {
    gpuType: declared.size === 1 ? type : null,
    gpusDiffer: declared.size > 1 || gpuTypesIn(usedText ?? "").size > 1,
  };
}

const gpuTypesIn = (text: string): ReadonlySet<string | null> =>
  new Set(
    readGres(text)
      .filter(isGpu)
      .map(({ type }) => type),
  );

/** The only problem that the records of the node's jobs can solve. */
const countsOnly = "Slurm reports how many of its GPUs jobs have, but not which ones";

/** Slices of a GPU have their own indices, which do not name devices. */
const sliceType = /\dg[._-]\d+gb|(^|[^a-z])mig([^a-z]|$)/i;

function whyNotWhole(declared: readonly GresEntry[]): string | null {
  const sliced = declared.find(({ type }) => type !== null && sliceType.test(type));
  if (sliced !== undefined)
    return `Slurm counts slices of its GPUs (MIG, type ${sliced.type}), and Gleaner uses only whole GPUs`;
  if (declared.some(({ isCounted }) => !isCounted))
    return "Slurm does not count who uses its GPUs (no_consume)";
  return null;
}

function whyUntold(
  declared: readonly GresEntry[],
  used: readonly GresEntry[] | null,
  draining: readonly GresEntry[],
): string | null {
  if (used === null) return "Slurm does not report which of its GPUs jobs have (no GresUsed)";
  const parted = used.find(isParted);
  if (parted !== undefined)
    return `jobs have parts of its GPUs (${parted.name}), and Slurm does not report which GPUs`;
  const usedGpus = used.filter(isGpu);
  if (!declared.every((each) => usedGpus.some((other) => isSameKind(each, other))))
    return "Slurm does not report which of its GPUs jobs have (GresUsed is incomplete)";
  if (indicesOf(draining) === null) return "Slurm does not report which of its GPUs drain";
  const taken = indicesOf(usedGpus);
  if (taken === null) return countsOnly;
  const count = countOf(declared);
  const beyond = taken.find((index) => index >= count);
  return beyond === undefined
    ? null
    : `Slurm counts ${count} GPUs but reports that jobs have GPU ${beyond}`;
}

/** A GPU's shares have devices, although Slurm counts them. */
const ofGpus: ReadonlySet<string> = new Set(["gpu", "shard", "mps"]);

/**
 * The resources that Slurm only counts; those of one name are counted together, whatever their
 * types. What drains is not there, nor is what Slurm does not report the use of.
 */
export function readCountedGres(
  gresText: string,
  usedText: string | null,
  drainText: string | null,
): Pick<Node, "countedGres"> {
  const declared = readGres(gresText).filter(({ name }) => !ofGpus.has(name));
  if (declared.length === 0 || usedText === null) return {};
  const used = readGres(usedText);
  const isTold = (each: GresEntry) =>
    each.isCounted && used.some((other) => other.name === each.name && isSameKind(each, other));
  // Slurm tells the devices of those that have some.
  const isDevice = (name: string) =>
    used.some((each) => each.name === name && each.indices !== null);
  const untold = new Set(
    declared.filter((each) => !isTold(each) || isDevice(each.name)).map(({ name }) => name),
  );
  const told = declared.filter(({ name }) => !untold.has(name));
  if (told.length === 0) return {};
  const names = new Set(told.map(({ name }) => name));
  const countsOf = (entries: readonly GresEntry[]) =>
    entries
      .filter(({ name }) => names.has(name))
      .reduce<GresCounts>((sum, { name, count }) => gresSum(sum, { [name]: count })!, {});
  const total = gresWithout(countsOf(told), countsOf(readGres(drainText ?? "")))!;
  return { countedGres: { total, allocated: countsOf(used) } };
}

const isSameKind = (one: GresEntry, other: GresEntry): boolean =>
  one.type === null || other.type === null || one.type === other.type;

/** Returns the indices of a job's GPUs on a node; null if Slurm does not report them. */
export const readGpusOfJob = (gres: string): number[] | null => indicesOf(readGres(gres));

const isGpu = ({ name }: GresEntry): boolean => name === "gpu";

const countOf = (entries: readonly GresEntry[]): number =>
  entries.reduce((sum, entry) => sum + entry.count, 0);

/** Shares of a GPU, which only its plugin can identify. */
const isParted = ({ name, count }: GresEntry): boolean =>
  count > 0 && (name === "shard" || name === "mps");

function indicesOf(entries: readonly GresEntry[]): number[] | null {
  const indices = new Set<number>();
  for (const entry of entries) {
    if (entry.count === 0) continue;
    if (isParted(entry)) return null;
    if (entry.name !== "gpu") continue;
    if (entry.indices?.length !== entry.count) return null;
    for (const index of entry.indices) indices.add(index);
  }
  return [...indices].sort((left, right) => left - right);
}
