// A site on this machine that stays: `scripts/sandbox start|stop [--dir DIR]`, with real Slurm, the
// hook, gleanerd and the CLI.

import { Command, InvalidArgumentError } from "commander";
import { messageOf } from "../../src/model/errors.js";
import { ensureSlurmInstalled } from "../cluster/cluster.js";
import { openFolder } from "../cluster/folder.js";
import { stopCluster } from "../cluster/processes/stop.js";
import { startSite } from "./site.js";

/** The paths of Slurm's sockets must stay short. */
const defaultFolder = "/tmp/gleaner-sandbox";

interface StartOptions {
  dir: string;
  nodes: number;
  cpus: number;
  memoryMb: number;
}

async function start({ dir, nodes, cpus, memoryMb }: StartOptions): Promise<void> {
  await ensureSlurmInstalled();
  const site = await startSite({ dir, nodes, cpus, memoryMb });
  await site.keep();
  console.log(
    [
      `A site of ${nodes} nodes is running in ${dir}. To use it in a shell:`,
      `  export SLURM_CONF=${site.cluster.slurmConf} GLEANER_CONF=${site.files.config}`,
      `  export PATH=${site.files.bin}:$PATH`,
      "  glean info",
      `gleanerd: pid ${site.daemonPid}, log ${site.files.daemonLog}; executors' logs: ${site.files.logs}`,
      `To end it: scripts/sandbox stop${dir === defaultFolder ? "" : ` --dir ${dir}`}`,
    ].join("\n"),
  );
}

async function stop({ dir }: { dir: string }): Promise<void> {
  await stopCluster(openFolder(dir));
  console.log(`The site in ${dir} is stopped and its folder removed.`);
}

function positive(text: string): number {
  if (!/^\d{1,7}$/.test(text) || Number(text) === 0)
    throw new InvalidArgumentError("give a whole number above 0.");
  return Number(text);
}

const program = new Command("sandbox").description("a site on this machine that stays");
program
  .command("start")
  .description("start a Slurm cluster with gleanerd and leave it running")
  .option("--dir <dir>", "its own folder, which does not exist yet", defaultFolder)
  .option("--nodes <count>", "number of nodes", positive, 2)
  .option("--cpus <count>", "CPUs of each node", positive, 4)
  .option("--memory-mb <mb>", "memory of each node", positive, 8_000)
  .action(start);
program
  .command("stop")
  .description("end all processes of a site and remove its folder")
  .option("--dir <dir>", "the folder that it was started in", defaultFolder)
  .action(stop);

try {
  await program.parseAsync();
} catch (thrown) {
  console.error(messageOf(thrown));
  process.exitCode = 1;
}
