// A site whose executors are preemptible jobs, with gleanerd run by an ordinary user; and what
// Slurm and the nodes report about its pilots.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { SiteOptions } from "../../../scripts/site/site.js";
import { type TestSite, testSite } from "./site.js";

const preemptionLines = ["PreemptType=preempt/partition_prio", "PreemptMode=CANCEL"];
export const pilotPartitions = [
  "PartitionName=batch Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF",
  "PartitionName=gleaner Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=1 PreemptMode=CANCEL GraceTime=0",
];

/** Two nodes of eight cores, without a hook. */
export function pilotSite(
  options: Omit<Partial<SiteOptions>, "dir" | "config"> & { pilot?: Record<string, unknown> } = {},
): Promise<TestSite> {
  const { pilot, ...rest } = options;
  return testSite({
    nodes: 2,
    cpus: 8,
    memoryMb: 16_000,
    hook: "none",
    slurmConfLines: preemptionLines,
    partitionLines: pilotPartitions,
    config: { placement: { launcher: "pilot", pilot: { idleMs: 2_000, ...pilot } } },
    ...rest,
  });
}

export interface PilotJob {
  readonly id: number;
  readonly name: string;
  readonly state: string;
  readonly user: string;
  readonly node: string;
}

/** Those that slurmctld still knows, also after their end; the newest last. */
export async function pilotJobs(at: TestSite): Promise<PilotJob[]> {
  const args = ["-h", "-a", "-t", "all", "-p", "gleaner", "-S", "i", "-o", "%A %j %T %u %N"];
  const { stdout } = await at.site.cluster.run("squeue", args);
  const lines = stdout.split("\n").filter((line) => line !== "");
  return lines.map((line) => {
    const [id, name, state, user, node] = line.split(" ");
    return { id: Number(id), name: name!, state: state!, user: user!, node: node ?? "" };
  });
}

export const livePilots = async (at: TestSite): Promise<PilotJob[]> =>
  (await pilotJobs(at)).filter(({ state }) => ["PENDING", "RUNNING", "COMPLETING"].includes(state));

/** The process of the newest pilot of a node, as its log tells. */
export function pilotPid(at: TestSite, node: string): number {
  const lines = readFileSync(join(at.site.files.logs, `executor-${node}.log`), "utf8");
  const started = lines.split("\n").filter((line) => line.includes('"event":"started"'));
  return (JSON.parse(started.at(-1)!) as { pid: number }).pid;
}

export const isThere = (pid: number): boolean => existsSync(`/proc/${pid}`);
