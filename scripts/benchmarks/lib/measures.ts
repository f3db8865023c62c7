// What benchmarks of gleanerd's largest requests measure: the time of a step, and memory.

import { readFileSync } from "node:fs";
import type { Site } from "../../site/site.js";
import { preciseMs, rounded } from "./harness.js";

export async function timed<T>(task: () => Promise<T>): Promise<{ ms: number; value: T }> {
  const startedMs = preciseMs();
  const value = await task();
  return { ms: rounded(preciseMs() - startedMs, 0), value };
}

/** The most memory that gleanerd has had, in MB. */
export function memoryOf(site: Site): number {
  const status = readFileSync(`/proc/${site.daemonPid}/status`, "utf8");
  return rounded(Number(/^VmHWM:\s+(\d+) kB/m.exec(status)![1]) / 1_024, 0);
}
