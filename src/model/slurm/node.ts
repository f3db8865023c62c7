// A Slurm node as it appears in one snapshot.

import type { NodeName } from "../ids.js";
import type { GresCounts } from "./gres-counts.js";

/** Slurm's base states; an unreadable state becomes `UNKNOWN` too. */
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
  /** The address that ssh connects to. */
  readonly address: string;
  readonly hostName: string;
  readonly baseState: NodeBaseState;
  /**
   * Everything after the base state in Slurm's `State=`, in upper case: `DRAIN`, `COMPLETING`,
   * `PLANNED` …
   */
  readonly flags: readonly string[];
  /**
   * Cores that jobs may use: Slurm's CPUEfctv (CPUTot less specialised cores). Gleaner calls a core
   * what Slurm calls a CPU.
   */
  readonly cores: number;
  readonly allocatedCores: number;
  /** RealMemory less MemSpecLimit. */
  readonly memoryMb: number;
  readonly allocatedMemoryMb: number;
  /** Whole GPUs only: the index of a slice identifies no device. */
  readonly gpuCount: number;
  /** All of them if Slurm does not say which. */
  readonly allocatedGpus: readonly number[];
  /** How many are allocated, where Slurm gives only their number; the jobs there may say which. */
  readonly untoldGpuCount: number | null;
  /**
   * Why the node's record does not prove which of its GPUs are free, as one clause; null if it
   * does.
   */
  readonly gpuProblem: string | null;
  /**
   * Whether jobs may request generic resources there: GPUs, shares of them, anything in gres.conf.
   */
  readonly hasGres: boolean;
  /**
   * The resources that are only counted, without devices: how many it has, and how many jobs have.
   * If omitted, none.
   */
  readonly countedGres?: { readonly total: GresCounts; readonly allocated: GresCounts };
  /** ActiveFeatures, for --constraint. */
  readonly features: readonly string[];
  /** The type of all its GPUs; null if they have none, or several. */
  readonly gpuType: string | null;
  /** Whether its GPUs are of several types. */
  readonly gpusDiffer: boolean;
  /** TmpDisk, the size of TmpFS; null if slurm.conf gives none. */
  readonly temporaryMb: number | null;
  /** null if unknown. */
  readonly threadsPerCore: number | null;
  /**
   * CPUs of the machine as Slurm numbers them from 0, including the specialised ones, which no job
   * gets.
   */
  readonly cpuTotal: number;
  /** null if there are some, but Slurm does not say which. */
  readonly specialisedCpuIds: readonly number[] | null;
  readonly partitions: readonly string[];
  /** The user whose `--exclusive=user` job holds the node, if any. */
  readonly owner: string | null;
  /** The MCS label of the jobs on it: only jobs with the same label may join them. */
  readonly mcsLabel: string | null;
  readonly reason: string | null;
  /** slurmd's version, as Slurm prints it. */
  readonly version: string | null;
}
