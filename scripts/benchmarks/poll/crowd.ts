// Ten thousand nodes in a real slurmctld, without a slurmd, and jobs that hold some of them and
// wait for the rest.

import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import type { Cluster } from "../../cluster/cluster.js";
import type { RunResult } from "../../cluster/command.js";

const coresPerNode = 64;
const memoryPerCoreMb = 4_000;
/** Nodes of partition "full", all of them held, so that everything queued there waits. */
const fullShare = 0.3;
/** Nodes of partition "batch" with every second core held: fragments. */
const partlyShare = 0.2;
const nodesPerJob = 25;
/**
 * Each array belongs to one user; its tasks are then changed individually, so that each is a job
 * and a line of its own.
 */
const tasksPerArray = 2_000;
const users = ["nobody", "daemon", "bin", "sys", "games", "mail", "news", "www-data"];
const commandTimeoutMs = 60_000;

/** Lines of slurm.conf for `nodes` nodes that are never checked, besides the real one. */
export function crowdConf(
  nodes: number,
  slurmdPort: number,
): { slurmConfLines: string[]; partitionLines: string[] } {
  const firstFull = Math.ceil(nodes * (1 - fullShare)) + 1;
  return {
    slurmConfLines: [
      // slurmctld checks each node, and while it waits for the answer a declared node is idle.
      "SlurmdTimeout=65533",
      "MessageTimeout=3000",
      // Not Alloc: an allocation would wait for a prolog on nodes that do not exist. gleanerd then
      // uses no node.
      "PrologFlags=Serial",
      "MaxJobCount=200000",
      "MaxArraySize=10001",
      `DefMemPerCPU=${memoryPerCoreMb / 4}`,
      `MaxMemPerCPU=${memoryPerCoreMb}`,
      "SchedulerParameters=default_queue_depth=100",
      `NodeName=c[1-${nodes}] NodeAddr=127.0.0.1 Port=${slurmdPort} CPUs=${coresPerNode} RealMemory=${coresPerNode * memoryPerCoreMb} State=IDLE`,
    ],
    partitionLines: [
      `PartitionName=batch Nodes=c[1-${nodes}] Default=YES MaxTime=INFINITE State=UP`,
      `PartitionName=full Nodes=c[${firstFull}-${nodes}] MaxTime=INFINITE State=UP`,
      "PartitionName=real Nodes=n1 MaxTime=INFINITE State=UP",
    ],
  };
}

/** A port that accepts every connection and never answers. */
export async function listenSilently(): Promise<{ port: number }> {
  const server = createServer((socket) => socket.on("error", () => {}));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  server.unref();
  return { port: (server.address() as AddressInfo).port };
}

/** Fills partition "full", parts of "batch", and queues `jobs` jobs, each with its own record. */
export async function fill(cluster: Cluster, nodes: number, jobs: number): Promise<void> {
  const holders = (share: number) => Math.floor((nodes * share) / nodesPerJob);
  // Nothing is started on them: an allocation without a command needs only slurmctld.
  const hold = ["--no-shell", `--nodes=${nodesPerJob}`, "--ntasks-per-node=1"];
  const whole = [...hold, "--partition=full", `--cpus-per-task=${coresPerNode}`, "--time=10:00:00"];
  const part = [
    ...hold,
    "--partition=batch",
    `--cpus-per-task=${coresPerNode / 2 + 8}`,
    "--time=1:00:00",
  ];
  await allocate(cluster, holders(fullShare), whole);
  await allocate(cluster, holders(partlyShare), part);
  // While a partition is down, slurmctld does not search nodes for new jobs.
  await run(cluster, "scontrol", ["update", "PartitionName=full", "State=DOWN"]);
  for (let queued = 0; queued < jobs; queued += tasksPerArray)
    await queueArray(cluster, queued / tasksPerArray, Math.min(tasksPerArray, jobs - queued));
  await run(cluster, "scontrol", ["update", "PartitionName=full", "State=UP"]);
}

/** One after the other: two at once would wait for the scheduler. */
async function allocate(cluster: Cluster, count: number, args: string[]): Promise<void> {
  for (let index = 0; index < count; index++)
    await run(cluster, "salloc", [
      ...args,
      `--job-name=run-${index}`,
      `--uid=${users[index % users.length]}`,
    ]);
}

async function queueArray(cluster: Cluster, index: number, tasks: number): Promise<void> {
  const { stdout } = await run(cluster, "sbatch", [
    "--parsable",
    "--partition=full",
    `--uid=${users[index % users.length]}`,
    `--array=0-${tasks - 1}`,
    `--nodes=${1 + (index % 16)}`,
    `--cpus-per-task=${1 + (index % 8)}`,
    `--time=${60 + index}`,
    "--output=/dev/null",
    "--wrap=true",
  ]);
  const id = stdout.trim();
  if (tasks === 1) return;
  // A task that was changed individually becomes a job of its own; the last one remains as the rest
  // of the array.
  const changed = `JobId=${id}_[0-${tasks - 2}]`;
  await run(cluster, "scontrol", ["update", changed, `Name=experiment_${index}_of_many`]);
}

async function run(cluster: Cluster, program: string, args: string[]): Promise<RunResult> {
  const result = await cluster.run(program, args, { timeoutMs: commandTimeoutMs });
  if (result.exitCode !== 0) throw new Error(`${program} failed: ${result.stderr.trim()}`);
  return result;
}
