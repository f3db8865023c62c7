// Reads the settings of `scontrol show config` on which safety depends.

import { dirname, join } from "node:path";
import { GleanerError } from "../model/errors.js";
import type { ClusterFacts } from "../model/slurm/snapshot.js";
import { linesOf, readCount, readWord, readWords } from "./fields.js";
import type { MemoryLimit } from "./partitions.js";
import { readDurationMs } from "./times.js";

/**
 * Returns the facts of a cluster with the given memory limits of its partitions. Throws SLURM if
 * the output is not a configuration.
 */
export function readFacts(output: Buffer, memoryLimits: readonly MemoryLimit[]): ClusterFacts {
  const settings = readSettings(output);
  const clusterName = readWord(settings.get("ClusterName"));
  const version = readWord(settings.get("SLURM_VERSION"));
  if (clusterName === null || version === null)
    throw new GleanerError(
      "SLURM",
      "`scontrol show config` printed no ClusterName or no SLURM_VERSION: run it by hand",
    );
  return {
    clusterName,
    version,
    prologs: readPrograms(settings, "Prolog"),
    epilogs: readPrograms(settings, "Epilog"),
    prologFlags: readWords(settings.get("PrologFlags")),
    runsPrologs: mayRunPrologs(settings.get("PrEpPlugins")),
    pluginStack: readPluginStack(settings),
    slurmdSpoolDirectory: readWord(settings.get("SlurmdSpoolDir")),
    jobsArePinned: mayPin(settings.get("TaskPlugin")),
    memoryIsConsumable: /MEMORY/i.test(settings.get("SelectTypeParameters") ?? ""),
    preemptType: readWord(settings.get("PreemptType")) ?? "preempt/none",
    preemptExemptMs: readDurationMs(settings.get("PreemptExemptTime") ?? "") ?? 0,
    coreSpecIsHidden: mayHideCoreSpec(settings, version),
    maxMemoryPerCoreMb: readMaxMemoryPerCore(settings, memoryLimits),
  };
}

/** `Key   = value` lines; the lines around them have no ` = `. */
function readSettings(output: Buffer): Map<string, string> {
  const settings = new Map<string, string>();
  for (const line of linesOf(output)) {
    const equals = line.indexOf("=");
    if (equals === -1) continue;
    const key = line.slice(0, equals).trim();
    if (!settings.has(key)) settings.set(key, line.slice(equals + 1).trim());
  }
  return settings;
}

/** 22.05 prints `Prolog = /a,/b`, 24.11 prints `Prolog[0] = /a` and `Prolog[1] = /b`. */
function readPrograms(settings: Map<string, string>, key: string): string[] {
  const programs = readWords(settings.get(key));
  for (let index = 0; settings.has(`${key}[${index}]`); index++)
    programs.push(...readWords(settings.get(`${key}[${index}]`)));
  return programs;
}

/** Slurm before 20.11 has no such plugins. What is set may lack the `prep/`, or be empty. */
function mayRunPrologs(prepPlugins: string | undefined): boolean {
  return (prepPlugins ?? "script").split(",").some((name) => /^(prep\/)?script$/.test(name.trim()));
}

/** Slurm's default if PlugStackConfig is not set, which it prints as `(null)`. */
function readPluginStack(settings: Map<string, string>): string | null {
  const slurmConf = readWord(settings.get("SLURM_CONF"));
  const beside = slurmConf === null ? null : join(dirname(slurmConf), "plugstack.conf");
  return readWord(settings.get("PlugStackConfig")) ?? beside;
}

/**
 * Assumes pinning with any task plugin: task/affinity and task/cgroup pin depending on cgroup.conf
 * and each job's options. Slurm prints task/none as such (22.05) or as `(null)` (24.11).
 */
function mayPin(taskPlugin: string | undefined): boolean {
  return taskPlugin !== "task/none" && taskPlugin !== "(null)";
}

/** Slurm ignores `-S` unless allowed; from 23.02 on, prologs see SLURM_JOB_CORE_SPEC_COUNT. */
const coreSpecIsToldFrom = 23.02;
function mayHideCoreSpec(settings: Map<string, string>, version: string): boolean {
  const isAllowed = !/^no$/i.test(settings.get("AllowSpecResourcesUsage") ?? "no");
  return isAllowed && !(Number.parseFloat(version) >= coreSpecIsToldFrom);
}

/** The largest limit of all partitions, which replace the cluster's; null if one has none. */
function readMaxMemoryPerCore(
  settings: Map<string, string>,
  memoryLimits: readonly MemoryLimit[],
): number | null {
  const clusterMb = readCount(settings.get("MaxMemPerCPU"));
  let boundMb = memoryLimits.length === 0 ? clusterMb : 0;
  for (const limit of memoryLimits) {
    const ownMb = limit.kind === "perCore" ? limit.mb : null;
    const limitMb = limit.kind === "inherited" ? clusterMb : ownMb;
    boundMb = boundMb === null || limitMb === null ? null : Math.max(boundMb, limitMb);
  }
  return boundMb;
}
