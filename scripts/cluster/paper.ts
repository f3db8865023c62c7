// A cluster on paper: a real munged, and programs in place of Slurm's that always say the same:
// nodes without a job. For what is about Gleaner alone, or needs more nodes than a machine can run.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Cluster } from "./cluster.js";
import { createFolder } from "./folder.js";
import { claimPorts } from "./ports.js";

export interface PaperOptions {
  /** As of a real cluster. */
  readonly dir: string;
  readonly nodes: number;
  readonly cpus: number;
  readonly memoryMb: number;
  /** The programs that slurm.conf names. */
  readonly prolog: string;
  readonly epilog: string;
}

/** Where its squeue and scontrol are. */
export const paperPrograms = (dir: string): string => join(dir, "state", "bin");

export async function startPaperCluster(options: PaperOptions): Promise<Cluster> {
  const ports = await claimPorts(1);
  try {
    const folder = createFolder(options.dir, [], 0);
    const cluster = new PaperCluster(folder, namesOf(options), ports, null);
    try {
      writePrograms(paperPrograms(folder.dir), options);
      await cluster.start();
      return cluster;
    } catch (thrown) {
      await cluster.stop();
      throw thrown;
    }
  } catch (thrown) {
    ports.release();
    throw thrown;
  }
}

class PaperCluster extends Cluster {
  override async start(): Promise<void> {
    await this.startMunged();
  }
}

const namesOf = ({ nodes }: PaperOptions): string[] =>
  Array.from({ length: nodes }, (_, index) => `n${index + 1}`);

function writePrograms(folder: string, options: PaperOptions): void {
  mkdirSync(folder, { mode: 0o755 });
  const says = {
    node: nodesOf(options),
    partition: partitionOf(options),
    config: factsOf(options),
  };
  for (const [what, text] of Object.entries(says)) writeFileSync(join(folder, what), text);
  const program = (name: string, text: string) =>
    writeFileSync(join(folder, name), `#!/bin/sh\n${text}`, { mode: 0o755 });
  program("squeue", "");
  program(
    "scontrol",
    `for what; do :; done # its last argument
case $what in
  reservation) echo "No reservations in the system";;
  *) exec cat "${folder}/$what";;
esac
`,
  );
}

const linesOf = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join("");

const nodesOf = (options: PaperOptions): string =>
  linesOf(
    namesOf(options).map(
      (name) =>
        `NodeName=${name} CPUAlloc=0 CPUEfctv=${options.cpus} CPUTot=${options.cpus} NodeAddr=127.0.0.1 NodeHostName=${name} Version=22.05.8 RealMemory=${options.memoryMb} AllocMem=0 State=IDLE ThreadsPerCore=1 Gres=(null) Partitions=batch`,
    ),
  );

const partitionOf = ({ nodes }: PaperOptions): string =>
  linesOf([
    `PartitionName=batch Default=YES MaxTime=UNLIMITED Nodes=n[1-${nodes}] OverSubscribe=NO PriorityTier=1 PreemptMode=OFF GraceTime=0 State=UP MaxMemPerNode=UNLIMITED`,
  ]);

const factsOf = ({ prolog, epilog }: PaperOptions): string =>
  linesOf([
    "ClusterName = paper",
    "SLURM_VERSION = 22.05.8",
    `Prolog = ${prolog}`,
    `Epilog = ${epilog}`,
    "PrologFlags = Alloc",
    "SelectTypeParameters = CR_CORE_MEMORY",
    "TaskPlugin = task/none",
    "PreemptType = preempt/none",
  ]);
