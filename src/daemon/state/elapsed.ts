// How long an attempt that an earlier gleanerd ordered can have taken, whoever set the clock since.

import { machineMonotonicMs, nowMs } from "../../clock.js";
import type { Attempt } from "../../model/invocation.js";

/**
 * By the clock that shows more: the wall clock may have been set since, and the monotonic one
 * starts again at a boot.
 */
export const mostElapsedMs = ({
  startedAtMs,
  startedMonotonicMs,
}: Pick<Attempt, "startedAtMs" | "startedMonotonicMs">): number =>
  Math.max(0, nowMs() - startedAtMs, machineMonotonicMs() - startedMonotonicMs);
