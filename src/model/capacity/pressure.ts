// Pressure as the kernel reports it (PSI): the share of time in which some process waited for a
// core or for memory.

import type { JobId } from "../ids.js";

export interface PressureReport {
  /** The job whose processes waited; null for the whole node, functions included. */
  readonly job: JobId | null;
  readonly resource: "cpu" | "memory";
  /** Over the last interval. */
  readonly percent: number;
  readonly limitPercent: number;
  readonly intervalMs: number;
}

/** The shares above which an executor reports pressure; null if it does not read that file. */
export interface PressureLimits {
  readonly jobCpuPercent: number | null;
  readonly jobMemoryPercent: number | null;
  readonly nodeCpuPercent: number | null;
  readonly nodeMemoryPercent: number | null;
  readonly intervalMs: number;
  /** Where the cgroups (version 2) of jobs are: %j is the job's id, %n the node. */
  readonly jobGroups: readonly string[];
}
