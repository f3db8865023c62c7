// Gives the executor precedence over everything beside it: a busy processor must not delay its
// answer to the hook, or its end.

import { writeFileSync } from "node:fs";
import { setPriority } from "node:os";

/** Ahead of everything at 0, behind the kernel's and the site's own urgent daemons. */
const ownNice = -10;

/** Applies to this process and its session. Does nothing where that is not allowed. */
export function takePriority(): void {
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
