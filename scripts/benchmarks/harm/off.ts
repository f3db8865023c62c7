// The precondition of every figure without Gleaner: none of its processes, and no line of it in
// slurm.conf.

import { readdirSync, readFileSync } from "node:fs";
import type { Site } from "../../site/site.js";

/** Throws an error that names what it found. */
export function assertNothingOfGleaner(site: Site): void {
  const running = commandsNaming(site.files.home);
  if (running.length > 0)
    throw new Error(`unexpected processes of Gleaner are running: ${running.join("; ")}`);
  const conf = readFileSync(site.cluster.slurmConf, "utf8");
  const line = conf.split("\n").find((text) => text.includes(site.files.home));
  if (line !== undefined) throw new Error(`slurm.conf still names a program of Gleaner: ${line}`);
}

/**
 * Command lines of processes with an argument below `folder`; those that ended meanwhile have none.
 */
function commandsNaming(folder: string): string[] {
  return readdirSync("/proc").flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return [];
    try {
      const words = readFileSync(`/proc/${entry}/cmdline`, "latin1").split("\0");
      return words.some((word) => word.startsWith(`${folder}/`)) ? [words.join(" ").trim()] : [];
    } catch {
      return [];
    }
  });
}
