// Gives the executor precedence over everything beside it: a busy processor must not delay its
// answer to the hook, or its end. For memory, every job has precedence.

import { readFileSync, writeFileSync } from "node:fs";
import { setPriority } from "node:os";

/** Ahead of everything at 0, behind the kernel's and the site's own urgent daemons. */
const ownNice = -10;

/** Once for all that the executor starts. */
export function standBesideJobs(): void {
  takePriority();
  letJobsLive();
}

/** Applies to this process and its session. Does nothing where that is not allowed. */
function takePriority(): void {
  for (const step of [
    () => setPriority(ownNice),
    // Where sessions are scheduled as groups, the session's niceness counts, not the process's own.
    () => writeFileSync("/proc/self/autogroup", String(ownNice)),
  ])
    try {
      step();
    } catch {
      // Not root, or no such groups: the executor keeps its usual priority.
    }
}

/** Functions have 1000, and jobs usually 0. */
const ownOomScoreAdj = 999;
const oomFile = "/proc/self/oom_score_adj";

/** The kernel kills functions first, then this process and glean-spawn, and only then a job. */
function letJobsLive(): void {
  try {
    if (Number(readFileSync(oomFile, "latin1")) < ownOomScoreAdj)
      writeFileSync(oomFile, String(ownOomScoreAdj));
  } catch {
    // A /proc that cannot be written: the kernel goes by what was inherited.
  }
}
