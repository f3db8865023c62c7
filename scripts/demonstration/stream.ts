// The seeded stream of batch jobs: various widths and lengths that leave whole nodes and fragments
// idle.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import type { Cluster } from "../cluster/cluster.js";

export interface BatchJob {
  /** Relative to the stream's start. */
  readonly submitAtMs: number;
  readonly nodes: number;
  readonly coresPerNode: number;
  readonly runMs: number;
}

export interface StreamShape {
  readonly nodes: number;
  readonly coresPerNode: number;
  readonly lengthMs: number;
  /** The share of all core-time that the jobs request. */
  readonly load: number;
  readonly seed: number;
}

/**
 * Widths in sixteenths of a node, as on real sites: many narrow, some whole, a few on several
 * nodes.
 */
const widths = [
  { share: 1 / 4, nodes: 1 },
  { share: 1 / 2, nodes: 1 },
  { share: 3 / 4, nodes: 1 },
  { share: 1, nodes: 1 },
  { share: 1, nodes: 2 },
  { share: 1, nodes: 4 },
] as const;
const runsMs = [2_000, 4_000, 8_000, 12_000] as const;

/**
 * The same shape gives the same jobs. They arrive evenly enough not to flood the machine with
 * starts.
 */
export function makeStream(shape: StreamShape): BatchJob[] {
  const oneJob = fc.record({
    width: fc.constantFrom(...widths),
    runMs: fc.constantFrom(...runsMs),
    jitterPercent: fc.noBias(fc.nat(99)),
  });
  const drawn = fc.sample(oneJob, { numRuns: 1_000, seed: shape.seed });
  const wanted = shape.nodes * shape.coresPerNode * shape.lengthMs * shape.load;
  const jobs: Omit<BatchJob, "submitAtMs">[] = [];
  let coreMs = 0;
  for (const { width, runMs } of drawn) {
    if (coreMs >= wanted) break;
    const coresPerNode = Math.max(1, Math.round(shape.coresPerNode * width.share));
    const nodes = Math.min(width.nodes, shape.nodes);
    jobs.push({ nodes, coresPerNode, runMs });
    coreMs += nodes * coresPerNode * runMs;
  }
  const spacingMs = shape.lengthMs / jobs.length;
  return jobs.map((job, index) => ({
    ...job,
    submitAtMs: Math.round((index + drawn[index]!.jitterPercent / 100) * spacingMs),
  }));
}

/** Submits one job; the witness first checks each of its nodes. Returns its id. */
export async function submitBatchJob(
  cluster: Cluster,
  job: BatchJob,
  witness: string,
  folder: string,
  coresOfNode: number,
): Promise<number> {
  const look = `${witness} ${folder} ${coresOfNode}`;
  const first = job.nodes === 1 ? look : `srun --ntasks-per-node=1 --cpu-bind=none ${look}`;
  const { stdout, stderr, exitCode } = await cluster.run("sbatch", [
    "--parsable",
    "--job-name=batch",
    `--nodes=${job.nodes}`,
    "--ntasks-per-node=1",
    `--cpus-per-task=${job.coresPerNode}`,
    "--output=/dev/null",
    `--time=${Math.ceil(job.runMs / 60_000) + 1}`,
    `--wrap=${first} || exit 3; exec sleep ${job.runMs / 1_000}`,
  ]);
  if (exitCode !== 0) throw new Error(`sbatch failed: ${stderr.trim()}`);
  return Number(stdout.trim());
}

export interface Sighting {
  readonly job: number;
  readonly node: string;
  readonly atMs: number;
  readonly functionCores: number;
  readonly jobCores: number;
  readonly nodeCores: number;
}

/** What the witnesses saw at the start of each job, on each of its nodes. */
export function readSightings(folder: string): Sighting[] {
  return readdirSync(folder).map((name) => {
    const [job, node] = name.split(".");
    const words = readFileSync(join(folder, name), "utf8").trim().split("\n")[0]!.split(" ");
    const [atMs, functionCores, jobCores, nodeCores] = words.map(Number);
    return {
      job: Number(job),
      node: node!,
      atMs: atMs!,
      functionCores: functionCores!,
      jobCores: jobCores!,
      nodeCores: nodeCores!,
    };
  });
}

/** Whether functions ran on a job's cores: then more cores are in use than the node has. */
export const isViolation = (sighting: Sighting): boolean =>
  sighting.functionCores + sighting.jobCores > sighting.nodeCores;
