// A Slurm node as one snapshot shows it.

import type { NodeName } from "../ids.js";

/** Slurm's base states; `UNKNOWN` is also what an unreadable state becomes. */
export type NodeBaseState =
  | "IDLE"
  | "MIXED"
  | "ALLOCATED"
  | "DOWN"
  | "FUTURE"
  | "ERROR"
  | "UNKNOWN";

export interface Node {
  readonly name: NodeName;
  /** What ssh connects to. */
  readonly address: string;
  readonly hostName: string;
  readonly baseState: NodeBaseState;
  /** Everything after the base state in Slurm's `State=`, upper case: `DRAIN`, `COMPLETING`, `PLANNED` … */
  readonly flags: readonly string[];
  /** Cores jobs may have: Slurm's CPUEfctv (CPUTot less specialised cores). A core here is what Slurm calls a CPU. */
  readonly cores: number;
  readonly allocatedCores: number;
  /** RealMemory less MemSpecLimit. */
  readonly memoryMb: number;
  readonly allocatedMemoryMb: number;
  /** Whole GPUs: slices have indices that name no device. */
  readonly gpuCount: number;
  /** All, when Slurm does not tell which. */
  readonly allocatedGpus: readonly number[];
  /** How many are allocated, where Slurm tells that and not which: the jobs there may tell. */
  readonly untoldGpuCount: number | null;
  /** Why the node's record does not prove which of its GPUs are free, one clause; null: it does. */
  readonly gpuProblem: string | null;
  /** Jobs may ask for generic resources there: GPUs, shares of them, anything that gres.conf names. */
  readonly hasGres: boolean;
  /** null: not told. */
  readonly threadsPerCore: number | null;
  /** CPUs of the machine as Slurm numbers them from 0: with the specialised ones, which no job gets. */
  readonly cpuTotal: number;
  /** null: there are some, and which is not told. */
  readonly specialisedCpuIds: readonly number[] | null;
  readonly partitions: readonly string[];
  /** The user whose `--exclusive=user` job holds the node, if any. */
  readonly owner: string | null;
  readonly reason: string | null;
  /** slurmd's version, as Slurm prints it. */
  readonly version: string | null;
}
