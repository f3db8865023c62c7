// Reads nodes from `scontrol -o -d show node`.

import { nodeName } from "../model/ids.js";
import type { Node, NodeBaseState } from "../model/slurm/node.js";
import { linesOf, noteUnreadable, readCount, readFields, readWord, readWords } from "./fields.js";
import { readCountedGres, readGpus, readGpuTypes } from "./gres.js";
import { readIds } from "./ids.js";

const baseStates: ReadonlySet<string> = new Set<NodeBaseState>([
  "IDLE",
  "MIXED",
  "ALLOCATED",
  "DOWN",
  "FUTURE",
  "ERROR",
  "UNKNOWN",
]);

/** The suffixes of states (man sinfo, NODE STATE CODES) in scontrol's words. */
const symbolFlags: Readonly<Record<string, string>> = {
  "*": "NOT_RESPONDING",
  "~": "POWERED_DOWN",
  "#": "POWERING_UP",
  "!": "POWER_DOWN",
  "%": "POWERING_DOWN",
  $: "MAINTENANCE",
  "@": "REBOOT_REQUESTED",
  "^": "REBOOT_ISSUED",
  "-": "PLANNED",
};

/**
 * Reads all nodes; invalid lines, and those without a field that safety needs, go to `unreadable`.
 */
export function readNodes(output: Buffer, unreadable: string[]): Node[] {
  const nodes: Node[] = [];
  for (const line of linesOf(output)) {
    const node = readNodeLine(line);
    if (node !== null) nodes.push(node);
    else noteUnreadable(unreadable, line);
  }
  return nodes;
}

/** Reads a node; null if its name, its state, or total or allocated cores or memory are missing. */
export function readNodeLine(line: string): Node | null {
  if (!line.startsWith("NodeName=")) return null;
  const fields = readFields(line);
  const name = readWord(fields.get("NodeName"));
  const state = readWord(fields.get("State"));
  const cores = readCores(fields);
  const allocatedCores = readCount(fields.get("CPUAlloc"));
  const realMemoryMb = readCount(fields.get("RealMemory"));
  const allocatedMemoryMb = readCount(fields.get("AllocMem"));
  const specialisedMemoryMb = readCount(fields.get("MemSpecLimit") ?? "0");
  if (
    name === null ||
    state === null ||
    cores === null ||
    allocatedCores === null ||
    realMemoryMb === null ||
    allocatedMemoryMb === null ||
    specialisedMemoryMb === null
  )
    return null;
  return {
    name: nodeName(name),
    address: readWord(fields.get("NodeAddr")) ?? name,
    hostName: readWord(fields.get("NodeHostName")) ?? name,
    ...readState(state),
    cores,
    allocatedCores,
    memoryMb: Math.max(0, realMemoryMb - specialisedMemoryMb),
    allocatedMemoryMb,
    hasGres: readWord(fields.get("Gres") ?? "not told") !== null,
    features: readWords(fields.get("ActiveFeatures")),
    ...readGpuTypes(fields.get("Gres") ?? "", readWord(fields.get("GresUsed"))),
    temporaryMb: readCount(fields.get("TmpDisk")) || null,
    threadsPerCore: readCount(fields.get("ThreadsPerCore")),
    ...readCpus(fields, cores),
    ...readCountedGres(
      fields.get("Gres") ?? "",
      readWord(fields.get("GresUsed")),
      readWord(fields.get("GresDrain")),
    ),
    ...readGpus(
      fields.get("Gres") ?? "",
      readWord(fields.get("GresUsed")),
      readWord(fields.get("GresDrain")),
    ),
    partitions: readWords(fields.get("Partitions")),
    // `alice(1001)`
    owner: readWord(fields.get("Owner"))?.replace(/\(\d+\)$/, "") ?? null,
    mcsLabel: readWord(fields.get("MCS_label")),
    reason: readWord(fields.get("Reason")),
    version: readWord(fields.get("Version")),
  };
}

/** CPUEfctv; before Slurm 22.05, the total without the CPUs of specialised cores. */
function readCores(fields: Map<string, string>): number | null {
  const effective = fields.get("CPUEfctv");
  if (effective !== undefined) return readCount(effective);
  const total = readCount(fields.get("CPUTot"));
  const specialised = readCount(fields.get("CoreSpecCount") ?? "0");
  const threads = readCount(fields.get("ThreadsPerCore") ?? "1");
  if (total === null || specialised === null || threads === null) return null;
  return Math.max(0, total - specialised * threads);
}

/** CPUTot, and the ids of the CPUs that Slurm withholds from jobs (CPUSpecList). */
function readCpus(
  fields: Map<string, string>,
  cores: number,
): { cpuTotal: number; specialisedCpuIds: readonly number[] | null } {
  const cpuTotal = readCount(fields.get("CPUTot")) ?? cores;
  const listed = readWord(fields.get("CPUSpecList"));
  const ids = listed === null ? [] : readIds(listed);
  return { cpuTotal, specialisedCpuIds: ids?.length === cpuTotal - cores ? ids : null };
}

/**
 * Reads base and flags of `MIXED+DRAIN`, `DOWN*+DRAIN` or `IDLE~`. An unknown base becomes UNKNOWN,
 * with its word as a flag for messages.
 */
export function readState(text: string): { baseState: NodeBaseState; flags: string[] } {
  const flags: string[] = [];
  let baseState: NodeBaseState = "UNKNOWN";
  for (const [index, word] of text.toUpperCase().split("+").entries()) {
    let end = word.length;
    const symbols: string[] = [];
    while (end > 0 && symbolFlags[word[end - 1]!] !== undefined)
      symbols.push(symbolFlags[word[--end]!]!);
    const bare = word.slice(0, end);
    if (index === 0 && baseStates.has(bare)) baseState = bare as NodeBaseState;
    else if (bare !== "") flags.push(bare);
    flags.push(...symbols);
  }
  return { baseState, flags: [...new Set(flags)] };
}
