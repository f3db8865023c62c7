// Which of the machine's CPUs Slurm means by its own numbers: as this node's slurmd has found the machine.
//
// slurmd numbers CPUs in the order in which hwloc finds them (src/slurmd/common/xcpuinfo.c, xcpuinfo_hwloc_topo_get), maps jobs'
// cores to the machine's numbers by that, and keeps what hwloc found in its spool folder for slurmstepd to read. So do we.

import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { GleanerError, messageOf } from "../model/errors.js";

/** A machine of 2,048 CPUs has about 2 MB. */
const maxTopologyBytes = 32 * 1024 * 1024;
export const topologyFile = "hwloc_topo_whole.xml";

/**
 * The machine's number of each CPU, by Slurm's number of it. Throws LAUNCH, with a sentence, where that is not sure: slurmd counts
 * other CPUs than the machine has (then it lets its numbers wrap), or cores have different numbers of threads.
 */
export function readCpuMap(spoolDirectory: string | null, cpuTotal: number): readonly number[] {
  const cpus = cpusOf(readTopology(spoolDirectory));
  if (cpus.length !== cpuTotal)
    throw unsure(`Slurm counts ${cpuTotal} CPUs on this node and the machine has ${cpus.length}`);
  return cpus;
}

function readTopology(spoolDirectory: string | null): string {
  if (spoolDirectory === null) throw unsure("Slurm does not tell its SlurmdSpoolDir");
  const path = join(spoolDirectory, topologyFile);
  try {
    const { uid, mode, size } = statSync(path);
    if (uid !== 0 && uid !== process.getuid?.()) throw new Error("it is not root's");
    if ((mode & 0o022) !== 0) throw new Error("others may write to it");
    if (size > maxTopologyBytes) throw new Error(`it is larger than ${maxTopologyBytes} bytes`);
    return readFileSync(path, "utf8");
  } catch (thrown) {
    throw unsure(`slurmd's ${path} cannot be used (${messageOf(thrown)})`);
  }
}

/** The processing units of hwloc's XML in its order, which is slurmd's. */
function cpusOf(xml: string): readonly number[] {
  const cpus: number[] = [];
  const threads: number[] = [];
  for (const [, type, index] of xml.matchAll(/<object type="(Core|PU)" os_index="(\d{1,5})"/g)) {
    if (type === "Core") threads.push(0);
    else {
      cpus.push(Number(index));
      threads.push((threads.pop() ?? 0) + 1);
    }
  }
  if (new Set(threads).size > 1) throw unsure("its cores have different numbers of threads");
  if (new Set(cpus).size !== cpus.length) throw unsure("slurmd found a CPU twice");
  return cpus;
}

const unsure = (why: string): GleanerError =>
  new GleanerError(
    "LAUNCH",
    `which of this machine's CPUs its pinned jobs have cannot be told: ${why}`,
  );

/** Ids that Slurm has and the map has not are no CPUs of this machine: readCpuMap has seen to it that there are none. */
export const machineCpus = (cpuIds: readonly number[], map: readonly number[]): readonly number[] =>
  cpuIds.map((id) => map[id]!).sort((left, right) => left - right);
