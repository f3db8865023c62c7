// The section interference: when executors leave a node because its batch jobs suffer.

import { z } from "zod";
import { milliseconds, path } from "./shapes.js";

const percent = z.int().min(0).max(100).meta({ title: "percent" });

export const interference = z
  .strictObject({
    jobCpuPercent: percent
      .nullable()
      .default(50)
      .describe(
        "Processor pressure of one job, by its own cgroup (version 2). A job with more threads than cores always has some.",
      ),
    jobMemoryPercent: percent
      .nullable()
      .default(10)
      .describe("Memory pressure of one job, by its own cgroup (version 2)."),
    nodeCpuPercent: percent
      .nullable()
      .default(null)
      .describe(
        "Processor pressure of the whole node, less what functions waited: for nodes whose jobs have no cgroup of version 2.",
      ),
    nodeMemoryPercent: percent
      .nullable()
      .default(20)
      .describe("Memory pressure of the whole node, less what functions waited."),
    intervalMs: milliseconds
      .min(100)
      .default(1_000)
      .describe("How often an executor measures while functions run beside jobs."),
    sustainedMs: milliseconds
      .default(3_000)
      .describe("Executors leave a node that is above a limit for this time."),
    awayMs: milliseconds
      .min(1_000)
      .default(60_000)
      .describe(
        "How long they stay away at first. The time doubles with each further absence, until the node's jobs have left.",
      ),
    longestAwayMs: milliseconds
      .min(1_000)
      .default(3_600_000)
      .describe("The longest time that they stay away."),
    jobGroups: z
      .array(path)
      .max(16)
      .default([
        "/sys/fs/cgroup/system.slice/slurmstepd.scope/job_%j",
        "/sys/fs/cgroup/system.slice/%n_slurmstepd.scope/job_%j",
        "/sys/fs/cgroup/system.slice/slurmstepd.scope/%s",
        "/sys/fs/cgroup/system.slice/%n_slurmstepd.scope/%s",
      ])
      .describe(
        "Where Slurm makes the cgroups of its jobs. `%j` is the job's id, `%s` at the end its SLUID (from Slurm 26.05 on), `%n` the node.",
      ),
  })
  .describe(
    "Executors leave a node whose batch jobs suffer beside functions. They measure the kernel's pressure (PSI): the share of time in which some process waited for a core or for memory. A limit of `null` is not measured; a node without PSI is not measured at all.",
  );
