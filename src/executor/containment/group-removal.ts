// Removes the group of an ended attempt a little later: nothing waits for it, and the kernel may
// still be busy with it.

import { setTimeout } from "../../clock.js";
import type { AttemptGroup } from "./containment.js";

const removeMs = 50;

/** Retries while something is in it; does not keep this process alive. */
export function removeLater(group: AttemptGroup): void {
  const timer = setTimeout(() => {
    if (!group.remove()) removeLater(group);
  }, removeMs);
  timer.unref();
}
