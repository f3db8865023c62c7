// Which of the machine's CPUs Slurm means by its own numbers: as this node's slurmd has found the machine.
//
// slurmd numbers CPUs in the order in which hwloc finds them (src/slurmd/common/xcpuinfo.c, xcpuinfo_hwloc_topo_get) and maps
// jobs' cores to the machine's numbers by that. Up to Slurm 24.11 it keeps what hwloc found in its spool folder for slurmstepd
// to read, and so do we; from 25.05 on it keeps nothing, and what hwloc reads is read here again.

import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { GleanerError, messageOf } from "../../model/errors.js";
import { readCores } from "./cpu-topology.js";

/** A machine of 2,048 CPUs has about 2 MB. */
const maxTopologyBytes = 32 * 1024 * 1024;
export const topologyFile = "hwloc_topo_whole.xml";

/**
 * The machine's number of each CPU, by Slurm's number of it. Throws LAUNCH, with a sentence, where that is not sure: slurmd counts
 * other CPUs than the machine has (then it lets its numbers wrap), or cores have different numbers of threads.
 * `topologyFolder`: where this node's slurmd keeps its file; null: it is too new to keep one.
 */
export function readCpuMap(
  topologyFolder: string | null,
  cpuTotal: number,
  sysfs?: string,
): readonly number[] {
  const cores =
    topologyFolder === null ? readMachine(sysfs) : coresOf(readTopology(topologyFolder));
  const cpus = cores.flat();
  if (cpus.length !== cpuTotal)
    throw unsure(`Slurm counts ${cpuTotal} CPUs on this node and the machine has ${cpus.length}`);
  if (new Set(cores.map(({ length }) => length)).size > 1)
    throw unsure("its cores have different numbers of threads");
  if (new Set(cpus).size !== cpus.length) throw unsure("slurmd found a CPU twice");
  // slurmd leaves out of its map what has a higher number.
  if (cpus.some((cpu) => cpu >= cpuTotal)) throw unsure("some of its CPUs are offline");
  return cpus;
}

function readMachine(sysfs: string | undefined): readonly (readonly number[])[] {
  try {
    return readCores(sysfs);
  } catch (thrown) {
    throw unsure(messageOf(thrown));
  }
}

function readTopology(folder: string): string {
  const path = join(folder, topologyFile);
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

/** The cores of hwloc's XML with their processing units, in its order, which is slurmd's. */
function coresOf(xml: string): readonly (readonly number[])[] {
  const cores: number[][] = [];
  for (const [, type, index] of xml.matchAll(/<object type="(Core|PU)" os_index="(\d{1,5})"/g)) {
    if (type === "Core") cores.push([]);
    else (cores.at(-1) ?? cores[cores.push([]) - 1]!).push(Number(index));
  }
  return cores;
}

const unsure = (why: string): GleanerError =>
  new GleanerError(
    "LAUNCH",
    `which of this machine's CPUs its pinned jobs have cannot be told: ${why}`,
  );

/** Ids that Slurm has and the map has not are no CPUs of this machine: readCpuMap has seen to it that there are none. */
export const machineCpus = (cpuIds: readonly number[], map: readonly number[]): readonly number[] =>
  cpuIds.map((id) => map[id]!).sort((left, right) => left - right);
