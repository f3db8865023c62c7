// Removes the group of what has ended, a little later: nothing waits for that, and the kernel may be busy with it.

import { setTimeout } from "../../clock.js";
import type { AttemptGroup } from "./containment.js";

const removeMs = 50;

/** Again and again while something is in it; keeps no process alive. */
export function removeLater(group: AttemptGroup): void {
  const timer = setTimeout(() => {
    if (!group.remove()) removeLater(group);
  }, removeMs);
  timer.unref();
}
