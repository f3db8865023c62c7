// Slurm's commands by their names, as `glean as` runs them.

import type { Context } from "../context.js";

export type SlurmCommand = (context: Context, words: readonly string[]) => Promise<number>;

export interface SlurmEntry {
  readonly name: string;
  /** Whether ids of jobs alone are handed to Slurm, and lists without ids have Slurm's, too. */
  readonly lists: boolean;
  /** What leaves out the header of a list. */
  readonly noHeader: string;
  readonly load: () => Promise<SlurmCommand>;
}

export const slurmCommands: readonly SlurmEntry[] = [
  {
    name: "squeue",
    lists: true,
    noHeader: "-h",
    load: async () => (await import("./squeue.js")).squeue,
  },
  {
    name: "sacct",
    lists: true,
    noHeader: "-n",
    load: async () => (await import("./sacct.js")).sacct,
  },
  {
    name: "scancel",
    lists: false,
    noHeader: "",
    load: async () => (await import("./scancel.js")).scancel,
  },
  {
    name: "sinfo",
    lists: true,
    noHeader: "-h",
    load: async () => (await import("./sinfo.js")).sinfo,
  },
  {
    name: "scontrol",
    lists: false,
    noHeader: "",
    load: async () => (await import("./scontrol.js")).scontrol,
  },
];
