// Reads partitions from `scontrol -o show partition`.

import { expandHostList } from "../model/hostlist.js";
import type { Partition } from "../model/slurm/snapshot.js";
import { linesOf, noteUnreadable, readCount, readFields, readWord } from "./fields.js";
import { readDurationMs } from "./times.js";

/** A partition's limit on a job's memory, which replaces the cluster's. */
export type MemoryLimit =
  | { readonly kind: "inherited" }
  | { readonly kind: "perCore"; readonly mb: number }
  | { readonly kind: "perNode" };

export interface PartitionRecord {
  readonly partition: Partition;
  readonly memoryLimit: MemoryLimit;
}

/** Reads all partitions; invalid lines go to `unreadable`. */
export function readPartitions(output: Buffer, unreadable: string[]): PartitionRecord[] {
  const records: PartitionRecord[] = [];
  for (const line of linesOf(output)) {
    const record = readPartitionLine(line);
    if (record !== null) records.push(record);
    else noteUnreadable(unreadable, line);
  }
  return records;
}

function readPartitionLine(line: string): PartitionRecord | null {
  const fields = readFields(line);
  const name = readWord(fields.get("PartitionName"));
  if (name === null) return null;
  try {
    const partition: Partition = {
      name,
      state: fields.get("State") ?? "UNKNOWN",
      nodes: expandHostList(fields.get("Nodes") ?? ""),
      isDefault: fields.get("Default") === "YES",
      maxTimeMs: readDurationMs(fields.get("MaxTime") ?? ""),
      overSubscribe: readOverSubscribe(fields),
      priorityTier: readCount(fields.get("PriorityTier")) ?? 0,
      preemptMode: fields.get("PreemptMode") ?? "OFF",
      graceMs: (readCount(fields.get("GraceTime")) ?? 0) * 1_000,
    };
    return { partition, memoryLimit: readMemoryLimit(fields) };
  } catch {
    return null;
  }
}

/** From 26.05 on, `Exclusive=NODE` (or TOPO) gives whole nodes, with `OverSubscribe=NO`. */
function readOverSubscribe(fields: Map<string, string>): string {
  if (/^(NODE|TOPO)\b/.test(fields.get("Exclusive") ?? "")) return "EXCLUSIVE";
  return fields.get("OverSubscribe") ?? "NO";
}

/** Slurm prints one of two keys; `MaxMemPerNode=UNLIMITED` means that the partition sets none. */
function readMemoryLimit(fields: Map<string, string>): MemoryLimit {
  const perCoreMb = readCount(fields.get("MaxMemPerCPU"));
  if (perCoreMb !== null) return { kind: "perCore", mb: perCoreMb };
  return readCount(fields.get("MaxMemPerNode")) === null
    ? { kind: "inherited" }
    : { kind: "perNode" };
}
