// Maps Slurm's CPU numbers to the machine's, as this node's slurmd found them.
//
// slurmd numbers CPUs in the order in which hwloc finds them (src/slurmd/common/xcpuinfo.c,
// xcpuinfo_hwloc_topo_get), and maps jobs' cores to the machine's numbers accordingly. Up to Slurm
// 24.11, slurmd keeps hwloc's output in its spool folder for slurmstepd, and this code reads it
// too; from 25.05 on there is no such file, and this code reads the topology as hwloc does.

import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { GleanerError, messageOf } from "../../model/errors.js";
import { readCores } from "./cpu-topology.js";

/** A machine of 2,048 CPUs has about 2 MB. */
const maxTopologyBytes = 32 * 1024 * 1024;
export const topologyFile = "hwloc_topo_whole.xml";

/**
 * The machine's number of each CPU, by Slurm's number. Throws LAUNCH with a sentence if that is
 * uncertain: slurmd counts other CPUs than the machine has (then its numbers wrap), or cores have
 * different numbers of threads. `topologyFolder` is where this node's slurmd keeps its file; null
 * if it is too new to keep one.
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
    throw unsure(`Slurm counts ${cpuTotal} CPUs on this node, but the machine has ${cpus.length}`);
  if (new Set(cores.map(({ length }) => length)).size > 1)
    throw unsure("its cores have different numbers of threads");
  if (new Set(cpus).size !== cpus.length) throw unsure("slurmd found a CPU twice");
  // slurmd omits higher numbers from its map.
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
    if (uid !== 0 && uid !== process.getuid?.()) throw new Error("it does not belong to root");
    if ((mode & 0o022) !== 0) throw new Error("others may write to it");
    if (size > maxTopologyBytes) throw new Error(`it is larger than ${maxTopologyBytes} bytes`);
    return readFileSync(path, "utf8");
  } catch (thrown) {
    throw unsure(`slurmd's ${path} cannot be used (${messageOf(thrown)})`);
  }
}

/** The cores in hwloc's XML with their processing units, in its order, which is slurmd's. */
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
    `the CPUs of pinned jobs cannot be determined on this machine: ${why}`,
  );

/**
 * Ids that are missing from the map are not CPUs of this machine; readCpuMap ensures that there are
 * none.
 */
export const machineCpus = (cpuIds: readonly number[], map: readonly number[]): readonly number[] =>
  cpuIds.map((id) => map[id]!).sort((left, right) => left - right);
