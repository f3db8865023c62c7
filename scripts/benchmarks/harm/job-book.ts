// Slurm's view of the benchmark's jobs, read repeatedly while they run: states, and the resources
// of each job on each node.

import { setTimeout as pause } from "node:timers/promises";
import { monotonicMs, nowMs } from "../../../src/clock.js";
import type { Cluster } from "../../cluster/cluster.js";
import type { Share, ShareOf } from "./judge.js";

const pollMs = 700;
/** A job that has not ended within this time never will. */
const usualPatienceMs = 60_000;

export interface JobRecord {
  readonly job: number;
  readonly name: string;
  readonly state: string;
  readonly reason: string;
  readonly exitCode: string;
  /** null if it has not begun. */
  readonly startedAtMs: number | null;
  /**
   * When Slurm had first said that it has ended on all of its nodes; null before. Processes that
   * are left of it, such as an srun that waits for a lost step, have nothing of their own any more:
   * Slurm gives all that it had to other jobs.
   */
  readonly takenBackAtMs: number | null;
  /** When Slurm was last asked and said that it has not ended. */
  readonly activeAtMs: number | null;
  readonly shares: ReadonlyMap<string, Share>;
}

const active = new Set([
  "PENDING",
  "CONFIGURING",
  "RUNNING",
  "SUSPENDED",
  "COMPLETING",
  "REQUEUED",
  "RESIZING",
  "STOPPED",
]);
export const isActive = ({ state }: JobRecord): boolean => active.has(state);

export class JobBook {
  private readonly byJob = new Map<number, JobRecord[]>();
  private readonly cut = new Map<number, { atMs: number; nodes: ReadonlySet<string> }>();
  private readonly watchers = new Set<() => void>();
  /** Those that Slurm lost: what is left of them may outlive the resources by far. */
  private readonly lost = new Set<number>();
  private isOpen = true;

  constructor(
    private readonly cluster: Pick<Cluster, "run">,
    private readonly patienceMs = usualPatienceMs,
  ) {}

  /** Reads until close(); slurmctld is deliberately away at times. */
  async readOn(): Promise<void> {
    while (this.isOpen) {
      await this.read();
      for (const look of this.watchers) look();
      await pause(pollMs);
    }
  }

  close(): void {
    this.isOpen = false;
  }

  async read(): Promise<void> {
    const askedAtMs = nowMs();
    const args = ["--oneliner", "--details", "show", "job"];
    const { stdout, exitCode } = await this.cluster.run("scontrol", args);
    if (exitCode === 0)
      for (const line of stdout.split("\n")) {
        const record = readRecord(line);
        if (record !== null) this.add(record, askedAtMs);
      }
  }

  private add(record: JobRecord, askedAtMs: number): void {
    const known = this.byJob.get(record.job) ?? [];
    const last = known.at(-1);
    const isSameRun = last?.startedAtMs === record.startedAtMs || last?.startedAtMs === null;
    // A record without nodes has no news about the job's resources.
    const shares =
      record.shares.size > 0 || !isSameRun ? record.shares : (last?.shares ?? record.shares);
    const merged = isSameRun ? new Map([...(last?.shares ?? []), ...shares]) : shares;
    const before = isSameRun ? last : undefined;
    const takenBackAtMs = isActive(record) ? null : (before?.takenBackAtMs ?? nowMs());
    const activeAtMs = isActive(record) ? askedAtMs : (before?.activeAtMs ?? null);
    const entry = { ...record, takenBackAtMs, activeAtMs, shares: merged };
    this.byJob.set(record.job, isSameRun ? [...known.slice(0, -1), entry] : [...known, entry]);
  }

  /** The newest record of each job with that name: an array or a heterogeneous job has several. */
  named(name: string): JobRecord[] {
    const newest = [...this.byJob.values()].map((records) => records.at(-1)!);
    return newest.filter((record) => record.name === name);
  }

  get newest(): JobRecord[] {
    return [...this.byJob.values()].map((records) => records.at(-1)!);
  }

  /** From then on the job has only these nodes, as the resizing client knows. */
  resized(job: number, atMs: number, nodes: readonly string[]): void {
    this.cut.set(job, { atMs, nodes: new Set(nodes) });
  }

  /**
   * The job's resources on the node in the run at that moment; tasks of other components carry the
   * first one's id.
   */
  shareOf: ShareOf = (job, node, atMs) => {
    const cut = this.cut.get(job);
    if (cut !== undefined && atMs >= cut.atMs && !cut.nodes.has(node))
      return { cores: 0, memoryMb: 0 };
    const first = this.byJob.get(job)?.at(-1);
    if (first === undefined) return null;
    const family = [...this.byJob.values()].flat().filter(({ name }) => name === first.name);
    const ofNode = family.filter(({ shares }) => shares.has(node));
    const own = ofNode.filter((record) => record.job === job);
    const runs = own.length > 0 ? own : ofNode;
    const begun = runs.findLast(({ startedAtMs }) => (startedAtMs ?? Infinity) <= atMs + 1_000);
    const run = begun ?? runs.at(-1);
    if (run === undefined) return null;
    const { takenBackAtMs, activeAtMs } = run;
    const goneAtMs = this.lost.has(job) ? (activeAtMs ?? takenBackAtMs) : takenBackAtMs;
    if (takenBackAtMs !== null && atMs >= goneAtMs!) return "takenBack";
    return run.shares.get(node) ?? null;
  };

  /** Resolves with the records of that name once they match; rejects if Slurm has lost them. */
  async until(
    name: string,
    what: string,
    holds: (records: readonly JobRecord[]) => boolean,
  ): Promise<JobRecord[]> {
    const startedMs = monotonicMs();
    return new Promise((resolve, reject) => {
      const look = () => {
        const records = this.named(name);
        const isLate = monotonicMs() - startedMs > this.patienceMs;
        if (!isLate && !holds(records)) return;
        this.watchers.delete(look);
        if (!isLate) return resolve(records);
        for (const { job } of records) this.lost.add(job);
        const states = records.map(({ job, state, reason }) => `${job} ${state} ${reason}`);
        reject(new Error(`${name}: did not see ${what} in time (${states.join(", ")})`));
      };
      this.watchers.add(look);
    });
  }
}

/** One line of `scontrol -o -d show job`. */
export function readRecord(line: string): JobRecord | null {
  const field = (name: string) => new RegExp(`(?:^| )${name}=(\\S*)`).exec(line)?.[1];
  const job = field("JobId");
  if (job === undefined) return null;
  const started = new Date(field("StartTime") ?? "").getTime();
  const shares = new Map<string, Share>();
  for (const [, nodes, ids, memory] of line.matchAll(/ Nodes=(\S+) CPU_IDs=(\S+) Mem=(\d+)/g))
    for (const node of expand(nodes!))
      shares.set(node, { cores: countOf(ids!), memoryMb: Number(memory) });
  return {
    job: Number(job),
    name: field("JobName") ?? "",
    state: field("JobState") ?? "",
    reason: field("Reason") ?? "",
    exitCode: field("ExitCode") ?? "",
    startedAtMs: Number.isNaN(started) || started > nowMs() ? null : started,
    takenBackAtMs: null,
    activeAtMs: null,
    shares,
  };
}

/** `0-3,8`: 5. */
const countOf = (ids: string): number =>
  ids.split(",").reduce((sum, range) => {
    const [from, to = from] = range.split("-").map(Number);
    return sum + to! - from! + 1;
  }, 0);

/** `n[1-2,4]`, which is how the benchmark's own nodes are named. */
function expand(nodes: string): string[] {
  const match = /^n\[(.*)\]$/.exec(nodes);
  if (match === null) return [nodes];
  return match[1]!.split(",").flatMap((range) => {
    const [from, to = from] = range.split("-").map(Number);
    return Array.from({ length: to! - from! + 1 }, (_, index) => `n${from! + index}`);
  });
}
