// The command line of the local Slurm cluster: `npx tsx scripts/cluster/main.ts start|stop|status
// --dir DIR`.

import { readFileSync } from "node:fs";
import { Command, InvalidArgumentError } from "commander";
import { messageOf } from "../../src/model/errors.js";
import { ensureSlurmInstalled, startCluster } from "./cluster.js";
import { clusterEnvironment, runCommand } from "./command.js";
import { openFolder } from "./folder.js";
import { findProcesses } from "./processes/processes.js";
import { stopCluster } from "./processes/stop.js";

interface StartOptions {
  dir: string;
  nodes: number;
  cpus: number;
  memoryMb: number;
  gpus: number;
}

async function start({ dir, nodes, cpus, memoryMb, gpus }: StartOptions): Promise<void> {
  await ensureSlurmInstalled();
  const cluster = await startCluster({ dir, nodes, cpus, memoryMb, gpusPerNode: gpus });
  await cluster.keep();
  console.log(`A cluster of ${nodes} nodes is running in ${cluster.dir}. To use it in a shell:`);
  console.log(`  export SLURM_CONF=${cluster.slurmConf}`);
}

async function stop({ dir }: { dir: string }): Promise<void> {
  const folder = openFolder(dir);
  await stopCluster(folder);
  console.log(`The cluster in ${folder.dir} is stopped and its folder removed.`);
}

/** Lists the processes, and Slurm's view of the nodes; exits with 1 if a daemon is missing. */
async function status({ dir }: { dir: string }): Promise<void> {
  const folder = openFolder(dir);
  const processes = findProcesses(folder);
  for (const { pid, program, args } of processes) {
    console.log(`${String(pid).padStart(8)} ${program} ${args.slice(1).join(" ")}`);
  }
  const count = (program: string) => processes.filter((found) => found.program === program).length;
  const nodeNames: unknown[] = JSON.parse(readFileSync(folder.marker, "utf8"));
  const isUp = count("munged") && count("slurmctld") && count("slurmd") >= nodeNames.length;
  if (count("munged") && count("slurmctld")) {
    const env = clusterEnvironment(folder);
    const { stdout, stderr } = await runCommand("sinfo", [], { cwd: folder.work, env });
    console.log(`${stdout}${stderr}`.trimEnd());
  }
  if (isUp) return;
  console.error(
    `Not all daemons of the cluster in ${folder.dir} are running: stop it and start it again.`,
  );
  process.exitCode = 1;
}

function positive(text: string): number {
  if (!/^\d{1,7}$/.test(text) || Number(text) === 0) {
    throw new InvalidArgumentError("give a whole number above 0.");
  }
  return Number(text);
}

const program = new Command("cluster").description("a real Slurm cluster on this machine");
program
  .command("start")
  .description("start a cluster and leave it running")
  .requiredOption("--dir <dir>", "its own folder")
  .option("--nodes <count>", "number of nodes", positive, 8)
  .option("--cpus <count>", "CPUs of each node", positive, 16)
  .option("--memory-mb <mb>", "memory of each node", positive, 32_000)
  .option("--gpus <count>", "declared GPUs of each node", positive, 0)
  .action(start);
program
  .command("stop")
  .description("end all processes of a cluster and remove its folder")
  .requiredOption("--dir <dir>", "the folder it was started in")
  .action(stop);
program
  .command("status")
  .description("list the processes and nodes of a cluster")
  .requiredOption("--dir <dir>", "the folder it was started in")
  .action(status);

try {
  await program.parseAsync();
} catch (thrown) {
  console.error(messageOf(thrown));
  process.exitCode = 1;
}
