// Real batch jobs that take nodes at random while a workflow runs, one at a time.

import { randomInt } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { Site } from "../../site/site.js";

const betweenMs = 4_000;
const jobLimitMs = 120_000;

/** Submits jobs until `signal`; returns how many ran. */
export async function evict(site: Site, signal: AbortSignal): Promise<number> {
  const nodes = site.cluster.nodeNames;
  let jobs = 0;
  for (;;) {
    await pause(betweenMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return jobs;
    // In turn, they would follow functions that move to the hole that has lasted longest.
    const node = nodes[randomInt(nodes.length)]!;
    const options = ["--wait", "--exclusive", `--nodelist=${node}`, "--output=/dev/null"];
    const { exitCode, stderr } = await site.cluster.run("sbatch", [...options, "--wrap=sleep 2"], {
      timeoutMs: jobLimitMs,
    });
    if (exitCode !== 0) throw new Error(`the batch job on ${node} failed: ${stderr.trim()}`);
    jobs++;
  }
}
