// Reports executors that the hook had to kill on this node: batch jobs waited for these, too.

import { nowMs } from "../clock.js";
import type { Outbox } from "./connection/outbox.js";
import type { JobMarks } from "./hook/node-folder.js";

/** Reports each note to gleanerd once. */
export function tellKillNotes(folder: Pick<JobMarks, "takeKillNotes">, outbox: Outbox): void {
  for (const { atWallMs, ...kill } of folder.takeKillNotes()) {
    const beforeMs = Math.max(0, Math.round(nowMs() - atWallMs));
    outbox.event((agoMs) => ({ type: "hookKilled", ...kill, agoMs: agoMs + beforeMs }));
  }
}
