// Generic resources of a node: `gpu:a100:2(S:0-1)` declared, `gpu:a100:2(IDX:0,2-3)` used, to GPU indices.

/** One entry of a GRES list. `indices` is null where Slurm prints none. */
export interface GresEntry {
  readonly name: string;
  readonly type: string | null;
  readonly count: number;
  readonly indices: readonly number[] | null;
}

/** More GPUs on one node than any machine has; bounds what `gpu:999999999` and long lists of indices may cost. */
const maxGpus = 1_024;
/** Slurm prints large counts with a unit, in powers of 1024. */
const units: Readonly<Record<string, number>> = { "": 0, K: 1, M: 2, G: 3, T: 4, P: 5 };

/** The entries of `Gres=` or `GresUsed=`; one that cannot be read is left out. Never throws. */
export function readGres(text: string): GresEntry[] {
  // Commas within parentheses belong to the indices.
  const entries: GresEntry[] = [];
  for (const part of text.match(/[^,(]+(?:\([^)]*\))?/g) ?? []) {
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
  const name = words[0]!;
  if (!/^[A-Za-z]\w*$/.test(name)) return null;
  const last = readGresCount(words.at(-1)!);
  if (words.length === 1) return { name, type: null, count: indices?.length ?? 1, indices };
  if (last === null) return { name, type: words[1]!, count: indices?.length ?? 1, indices };
  return { name, type: words.length > 2 ? words[1]! : null, count: last, indices };
}

function readGresCount(text: string): number | null {
  const match = /^(\d{1,12})([KMGTP]?)$/.exec(text);
  return match ? Number(match[1]) * 1024 ** units[match[2]!]! : null;
}

/** `0,2-3` to 0, 2, 3; `N/A` to none; null when it cannot be read or names more than any node has. */
function readIndices(text: string): number[] | null {
  if (text === "N/A") return [];
  const indices: number[] = [];
  for (const range of text.split(",")) {
    const match = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(range);
    if (!match) return null;
    const first = Number(match[1]);
    const last = Number(match[2] ?? first);
    if (indices.length + last - first >= maxGpus) return null;
    for (let index = first; index <= last; index++) indices.push(index);
  }
  return indices;
}

/**
 * How many GPUs a node declares and which are allocated. Where Slurm says that some are in use but not which (no
 * type in gres.conf, shards, MPS, or no GresUsed at all), all are taken for allocated.
 */
export function readGpus(
  gres: string,
  gresUsed: string | null,
): { gpuCount: number; allocatedGpus: number[]; untoldGpuCount: number | null } {
  const declared = readGres(gres).filter((entry) => entry.name === "gpu");
  const gpuCount = Math.min(maxGpus, countOf(declared));
  const used = gresUsed === null ? null : readGres(gresUsed);
  const allocated = used === null ? null : indicesOf(used);
  if (allocated !== null) return { gpuCount, allocatedGpus: allocated, untoldGpuCount: null };
  const isCounted = used !== null && !used.some(isParted);
  return {
    gpuCount,
    allocatedGpus: Array.from({ length: gpuCount }, (_, index) => index),
    untoldGpuCount: isCounted ? countOf(used.filter((entry) => entry.name === "gpu")) : null,
  };
}

/** The GPUs in the list of what a job has of a node; null when it has some and which is not told. */
export const readGpusOfJob = (gres: string): number[] | null => indicesOf(readGres(gres));

const countOf = (entries: readonly GresEntry[]): number =>
  entries.reduce((sum, entry) => sum + entry.count, 0);

/** Shares of a GPU: which one, only its plugin knows. */
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
