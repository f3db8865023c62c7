// The options of `glean simulate` that say what is replayed: the records of a site, and the demand
// with its costs.

import type { Command } from "commander";

/** Collects the values of an option that may be repeated. */
export const collect = (value: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  value,
];

export function addTraceOptions(command: Command): void {
  command
    .option("--holes <FILE>", "a log of idle nodes: node,start,end as dates or in seconds")
    .option("--swf <FILE>", "jobs in the Standard Workload Format, with or without node lists")
    .option("--sacct <FILE>", "the output of sacct -P, with or without its header")
    .option("--fields <LIST>", "the columns of the sacct output, if it has no header")
    .option(
      "--machines <FILE>",
      "the output of scontrol -o show node, or lines of id, name, nodes, cores, speed, memory in KiB",
    )
    .option(
      "--outages <FILE>",
      "when nodes were out: sacctmgr -P show event or reservation, slurmctld's log, or node,start,end; may be repeated",
      collect,
    )
    .option("--from <TIME>", "begin of the replay, such as 2026-01-01 or 2026-01-01T12:00, in UTC")
    .option("--to <TIME>", "end of the replay")
    .option(
      "--sample <N>",
      "replay only this many nodes (20) or days (7d), drawn at random, and state the error",
    )
    .option("--nodes <N>", "number of equal nodes, instead of --machines")
    .option("--cores-per-node <N>", "cores of each node, with --holes or --nodes")
    .option("--memory-per-core <SIZE>", "memory of nodes for which the input has none", "4G");
}

export function addDemandOptions(command: Command): void {
  command
    .option(
      "--call <LENGTH>",
      "duration of calls: 10ms, uniform:1s-5s, exponential:2s or lognormal:2s:1.5",
      "10ms",
    )
    .option(
      "--invocations <FILE>",
      "a trace of calls, instead of --call: app,func,end_timestamp,duration",
    )
    .option(
      "--arrivals <KIND>",
      "arrivals of calls: saturating, a rate such as 10/s, or trace",
      "saturating",
    )
    .option("--scale <FACTOR>", "multiply the rate, or the density of the trace", "1")
    .option("--call-memory <SIZE>", "memory of each call, which has one core", "1000M")
    .option("--poll <TIME>", "poll Slurm at this interval, instead of waiting for the hook")
    .option("--reaction <TIME>", "from the hook's message to a plan")
    .option("--executor-start <TIME>", "from the plan to a ready executor: 200ms or 150ms-300ms")
    .option("--starts-per-plan <N>", "the most executors that one plan starts")
    .option(
      "--cold-start <TIME>",
      "time for a worker to change its function; with --functions, to start",
    )
    .option("--eviction <TIME>", "from the start of a job until its cores are free")
    .option("--notice <TIME>", "time before a job's start in which its node takes no new call")
    .option(
      "--checkpoint <TIME>",
      "interval at which calls save their state, with --policy checkpoint",
    )
    .option("--node-failures <TIME>", "mean time between the failures of a node, such as 720h")
    .option("--node-repair <TIME>", "duration of a node failure", "10m");
}
