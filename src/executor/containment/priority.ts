// An executor goes before what runs beside it: whatever fills the processor must not delay its answer to the hook, or its end.

import { writeFileSync } from "node:fs";
import { setPriority } from "node:os";

/** Ahead of everything at 0, behind the kernel's and the site's own urgent daemons. */
const ownNice = -10;

/** For this process and its session. Nothing happens where that is not allowed. */
export function takePriority(): void {
  for (const step of [
    () => setPriority(ownNice),
    // Where sessions are scheduled as groups, a process has its session's place, whatever its own is.
    () => writeFileSync("/proc/self/autogroup", String(ownNice)),
  ])
    try {
      step();
    } catch {
      // Not root, or no such groups: then it is as quick as it is.
    }
}
