// Decides whether functions held a batch job's resources: compares the witness's samples with
// Slurm's own records of the jobs. Pure.

export interface Share {
  readonly cores: number;
  readonly memoryMb: number;
}

export interface FunctionSeen extends Share {
  /** `<invocation>.<attempt>` */
  readonly key: string;
  readonly gpus: readonly number[];
}

export interface JobSeen {
  readonly job: number;
  readonly gpus: readonly number[];
}

/** Who was on a node from `atMs` until the node's next change. */
export interface Change {
  readonly atMs: number;
  readonly node: string;
  readonly functions: readonly FunctionSeen[];
  readonly jobs: readonly JobSeen[];
}

export interface Watched {
  readonly changes: readonly Change[];
  readonly samples: number;
  /** The longest time between two samples. */
  readonly longestGapMs: number;
}

/** Parses the output of watch.c. */
export function readWatch(text: string): Watched {
  const changes: Change[] = [];
  let samples = 0;
  let longestGapMs = 0;
  for (const line of text.split("\n")) {
    const [first, second, ...occupants] = line.split(" ");
    if (first === "-") {
      samples = Number(second);
      longestGapMs = Math.max(longestGapMs, Number(occupants[0]));
    } else if (second !== undefined)
      changes.push({ atMs: Number(first), node: second, ...readOccupants(occupants) });
  }
  return { changes, samples, longestGapMs };
}

function readOccupants(words: readonly string[]): Pick<Change, "functions" | "jobs"> {
  const functions: FunctionSeen[] = [];
  const jobs: JobSeen[] = [];
  for (const word of words) {
    const [type, key, ...rest] = word.split(":");
    if (type === "f") {
      const [cores, memoryMb, gpus] = rest;
      functions.push({
        key: key!,
        cores: Number(cores),
        memoryMb: Number(memoryMb),
        gpus: readIndices(gpus!),
      });
    } else jobs.push({ job: Number(key), gpus: readIndices(rest[0]!) });
  }
  return { functions, jobs };
}

const readIndices = (text: string): number[] =>
  text === "-" || text === "" ? [] : text.split(",").map(Number);

/**
 * A job's resources on a node at some moment, or that Slurm had taken them back; null if Slurm's
 * records do not say.
 */
export type ShareOf = (job: number, node: string, atMs: number) => Share | "takenBack" | null;

export interface Violation {
  readonly node: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** The jobs that were there. */
  readonly jobs: readonly number[];
  readonly what: string;
}

export interface Verdict {
  readonly violations: readonly Violation[];
  /** Jobs that were seen, but whose resources nobody knows. */
  readonly unknownJobs: readonly number[];
  /** Jobs of which processes were seen where Slurm had taken their resources back. */
  readonly outlivedJobs: readonly number[];
  readonly idleCoreMs: number;
  readonly functionCoreMs: number;
}

/**
 * `whole` is what each node has. A violation lasts from the first sample that shows it to the first
 * that does not.
 */
export function judge(watched: Watched, whole: Share, shareOf: ShareOf): Verdict {
  const violations: Violation[] = [];
  const [unknown, outlived] = [new Set<number>(), new Set<number>()];
  const sums = { idleCoreMs: 0, functionCoreMs: 0 };
  for (const changes of byNode(watched.changes)) {
    let open: (Omit<Violation, "toMs"> & { toMs?: number }) | null = null;
    for (const [index, change] of changes.entries()) {
      const nextMs = changes[index + 1]?.atMs ?? change.atMs;
      const held = heldShares(change, shareOf, unknown, outlived);
      const jobs = total([...held.values()]);
      const functions = total(change.functions);
      sums.idleCoreMs += Math.max(0, whole.cores - jobs.cores) * (nextMs - change.atMs);
      sums.functionCoreMs += functions.cores * (nextMs - change.atMs);
      const what = excess(change, functions, held, whole);
      if (open !== null && what === null) {
        violations.push({ ...open, toMs: change.atMs });
        open = null;
      }
      if (open === null && what !== null) {
        open = { node: change.node, fromMs: change.atMs, jobs: [...held.keys()], what };
      }
    }
    if (open !== null) violations.push({ ...open, toMs: changes.at(-1)!.atMs });
  }
  return { violations, unknownJobs: [...unknown], outlivedJobs: [...outlived], ...sums };
}

function byNode(changes: readonly Change[]): Change[][] {
  const nodes = new Map<string, Change[]>();
  for (const change of changes) {
    const known = nodes.get(change.node);
    if (known === undefined) nodes.set(change.node, [change]);
    else known.push(change);
  }
  return [...nodes.values()];
}

/**
 * What each job has. That of a suspended job counts, because it may be resumed at any moment,
 * without a prolog.
 */
function heldShares(
  change: Change,
  shareOf: ShareOf,
  unknown: Set<number>,
  outlived: Set<number>,
): Map<number, Share> {
  const held = new Map<number, Share>();
  for (const { job } of change.jobs) {
    const share = shareOf(job, change.node, change.atMs);
    if (share === null) unknown.add(job);
    else if (share === "takenBack") outlived.add(job);
    else held.set(job, share);
  }
  return held;
}

const total = (shares: readonly Share[]): Share => ({
  cores: shares.reduce((sum, { cores }) => sum + cores, 0),
  memoryMb: shares.reduce((sum, { memoryMb }) => sum + memoryMb, 0),
});

/**
 * Describes what functions hold too much of; null if nothing. Jobs to which Slurm itself gave too
 * much do not count.
 */
function excess(
  change: Change,
  functions: Share,
  held: ReadonlyMap<number, Share>,
  whole: Share,
): string | null {
  if (change.functions.length === 0 || held.size === 0) return null;
  const jobs = total([...held.values()]);
  const freeCores = Math.max(0, whole.cores - jobs.cores);
  if (functions.cores > freeCores)
    return `functions use ${functions.cores} cores, but jobs leave only ${freeCores}`;
  const freeMb = Math.max(0, whole.memoryMb - jobs.memoryMb);
  if (functions.memoryMb > freeMb)
    return `functions use ${functions.memoryMb} MB, but jobs leave only ${freeMb} MB`;
  const taken = new Set(change.jobs.flatMap(({ job, gpus }) => (held.has(job) ? gpus : [])));
  const shared = change.functions.flatMap(({ gpus }) => gpus).find((gpu) => taken.has(gpu));
  return shared === undefined ? null : `a function uses GPU ${shared}, which a job has`;
}
