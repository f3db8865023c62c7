// Pressure as the kernel tells it (PSI): the share of time in which some process waited for a core or for memory.

import type { JobId } from "../ids.js";

export interface PressureReport {
  /** Whose processes waited; null: the whole node's, functions included. */
  readonly job: JobId | null;
  readonly resource: "cpu" | "memory";
  /** Over the last interval. */
  readonly percent: number;
  readonly limitPercent: number;
  readonly intervalMs: number;
}

/** Above which share an executor reports; null: that file is not looked at. */
export interface PressureLimits {
  readonly jobCpuPercent: number | null;
  readonly jobMemoryPercent: number | null;
  readonly nodeCpuPercent: number | null;
  readonly nodeMemoryPercent: number | null;
  readonly intervalMs: number;
  /** Where jobs' cgroups of version 2 are: %j is the job's id, %n the node. */
  readonly jobGroups: readonly string[];
}
